//! A page of metrics in OpenMetrics' text form.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Histogram;

/// What tells values of a metric apart.
pub(super) type Labels<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// A metric's name, without the ending that its kind brings, and what it says.
pub(super) type Named = (&'static str, &'static str);

/// What is written to.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    /// What goes up and down.
    pub(super) fn gauge<'a>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            match labels.is_empty() {
                true => metric.encode_gauge(&value)?,
                false => metric.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    /// What only goes up.
    pub(super) fn counter<'a>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            match labels.is_empty() {
                true => metric.encode_counter::<NoLabelSet, _, f64>(&value, None)?,
                false => metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)?,
            }
        }
        Ok(())
    }

    /// How long things took.
    pub(super) fn histogram<'a>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<'a>, &'a Histogram)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in values {
            let counted = histogram.counted();
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                counted.sum,
                counted.count,
                &counted.buckets,
                None,
            )?;
        }
        Ok(())
    }
}
