//! SVG, which browsers and documents show: laid out here, with nothing to load.

use std::fmt::Write as _;

use super::drawing::{Item, Shape, draw};
use super::layout::{Boxed, Curve, Frame, LINE, Laid, PADDING, lay_out, text_width};
use super::line;
use super::standing::{Standing, Standings};
use crate::compile::{Plan, Reason};

/// Around the picture, and between its parts.
const MARGIN: f64 = 16.0;
/// Of colours as of everything else there is one place; it follows the reader's choice of light or dark.
const STYLE: &str = "\
svg{font:12px ui-monospace,Menlo,Consolas,monospace;background:#fff;color:#1f2328}\
text{fill:currentColor}.b{font-weight:bold}.s{opacity:.7}\
.box{fill:#f6f8fa;stroke:#8b949e}.part{fill:none;stroke:#8b949e;stroke-dasharray:2 3}\
.tip{fill:#6e7781}.edge{fill:none;stroke:#6e7781;stroke-width:1.2}.needs{stroke-dasharray:6 4}.guard{stroke-dasharray:1.5 4}\
.finished{fill:#dafbe1;stroke:#1a7f37}.failed{fill:#ffebe9;stroke:#cf222e;stroke-width:2}\
.running{fill:#ddf4ff;stroke:#0969da;stroke-width:2}.cancelled{fill:#fff8c5;stroke:#9a6700}\
.skipped{fill:#eaeef2;stroke:#8c959f;stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}.box{fill:#161b22}\
.finished{fill:#0f2d19}.failed{fill:#3c1618}.running{fill:#0c2d4d}.cancelled{fill:#3a2d05}.skipped{fill:#21262d}}";

/// The plan as a picture. With `standings` each step has the colour and the mark of how it stands in a
/// run; else all look alike.
#[must_use]
pub fn svg(plan: &Plan, standings: Option<&Standings>) -> String {
    let (body, on_error) = draw(plan);
    let title =
        plan.summary.as_deref().map_or_else(|| plan.name.to_string(), |it| format!("{}: {it}", plan.name));
    let body = lay_out(&body);
    let on_error = on_error.as_ref().map(lay_out);
    let mut width = body.width.max(text_width(&title));
    let below = MARGIN + LINE + PADDING;
    let mut height = below + body.height + MARGIN;
    let frame = on_error.as_ref().map(|laid| {
        let inside = laid.width.max(text_width("on_error")) + 2.0 * PADDING;
        let frame = Frame { x: MARGIN, y: height, width: inside, height: laid.height + LINE + 2.0 * PADDING };
        width = width.max(frame.width);
        height += frame.height + MARGIN;
        frame
    });
    width += 2.0 * MARGIN;

    let mut out = Writer { text: String::new(), standings };
    let (w, h) = (short(width), short(height));
    out.line(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">"#
    ));
    out.line(&format!("<title>{}</title>", escaped(&title)));
    out.line(&format!("<style>{STYLE}</style>"));
    out.line(
        r#"<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" class="tip"/></marker></defs>"#,
    );
    out.label(MARGIN, MARGIN + LINE / 2.0, "b", &title);
    out.inside(MARGIN + (width - 2.0 * MARGIN - body.width) / 2.0, below, &body);
    if let (Some(frame), Some(laid)) = (frame, &on_error) {
        out.part(frame, Some("on_error"), laid);
    }
    out.line("</svg>");
    out.text
}

struct Writer<'a> {
    text: String,
    standings: Option<&'a Standings>,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        // Writing to a String does not fail.
        _ = writeln!(self.text, "{text}");
    }

    fn label(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let (x, y) = (short(x), short(y + 4.0));
        self.line(&format!(r#"<text x="{x}" y="{y}" class="{class}">{}</text>"#, escaped(text)));
    }

    fn rectangle(&mut self, frame: Frame, class: &str, radius: f64) {
        let Frame { x, y, width, height } = frame;
        self.line(&format!(
            r#"<rect x="{}" y="{}" width="{}" height="{}" rx="{}" class="{class}"/>"#,
            short(x),
            short(y),
            short(width),
            short(height),
            short(radius)
        ));
    }

    /// What is inside of something whose corner is there.
    fn inside(&mut self, x: f64, y: f64, laid: &Laid<'_>) {
        self.line(&format!(r#"<g transform="translate({},{})">"#, short(x), short(y)));
        // Edges first: boxes lie above them.
        laid.curves.iter().for_each(|curve| self.curve(curve));
        laid.boxes.iter().for_each(|boxed| self.boxed(boxed));
        self.line("</g>");
    }

    /// A block inside of a step, or of the pathway.
    fn part(&mut self, frame: Frame, title: Option<&str>, laid: &Laid<'_>) {
        self.rectangle(frame, "part", 6.0);
        let mut top = frame.y + PADDING;
        if let Some(title) = title {
            self.label(frame.x + PADDING, top + LINE / 2.0 - 2.0, "s", title);
            top += LINE;
        }
        self.inside(frame.x + (frame.width - laid.width) / 2.0, top, laid);
    }

    fn boxed(&mut self, boxed: &Boxed<'_>) {
        let Frame { x, y, width, .. } = boxed.frame;
        let standing = self.standing(boxed.item);
        self.line(&format!(r#"<g transform="translate({},{})">"#, short(x), short(y)));
        let mut hint = boxed.item.path.as_deref().unwrap_or("the return").to_owned();
        if let Some((standing, count)) = standing {
            // Writing to a String does not fail.
            _ = write!(hint, ": {}", standing.name());
            if count > 1 {
                _ = write!(hint, ", {count} executions");
            }
        }
        self.line(&format!("<title>{}</title>", escaped(&hint)));
        let class = standing.map_or("box".to_owned(), |(standing, _)| format!("box {}", standing.name()));
        let radius = match boxed.item.shape {
            Shape::Step => 6.0,
            Shape::Guard => 0.0,
            Shape::Return => 14.0,
        };
        self.rectangle(Frame { x: 0.0, y: 0.0, ..boxed.frame }, &class, radius);
        let mut y = PADDING / 2.0 + LINE / 2.0;
        for (n, text) in boxed.item.label.iter().enumerate() {
            self.label(PADDING, y, if n == 0 { "b" } else { "s" }, text);
            y += LINE;
        }
        if let Some((standing, _)) = standing {
            self.label(width - 2.0 * PADDING, PADDING / 2.0 + LINE / 2.0, "b", &standing.mark().to_string());
        }
        for part in &boxed.parts {
            self.part(part.frame, part.title, &part.laid);
        }
        self.line("</g>");
    }

    fn standing(&self, item: &Item) -> Option<(Standing, usize)> {
        self.standings?.get(item.path.as_deref()?)
    }

    /// A line that leaves and arrives downwards.
    fn curve(&mut self, curve: &Curve) {
        let class = match curve.reason {
            Reason::Reads => "edge",
            Reason::Needs => "edge needs",
            Reason::Guard => "edge guard",
        };
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        for &(x, y) in &curve.points {
            // Writing to a String does not fail.
            _ = match last {
                None => write!(path, "M{} {}", short(x), short(y)),
                Some((from_x, from_y)) => {
                    let middle = short((from_y + y) / 2.0);
                    let (from_x, x, y) = (short(from_x), short(x), short(y));
                    write!(path, "C{from_x} {middle} {x} {middle} {x} {y}")
                }
            };
            last = Some((x, y));
        }
        self.line(&format!(r#"<path d="{path}" class="{class}" marker-end="url(#tip)"/>"#));
    }
}

/// A number with no more digits than can be seen.
fn short(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

fn escaped(text: &str) -> String {
    line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
