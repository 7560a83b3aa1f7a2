//! `like` and `without_token`: services that lean on others.

use indexmap::IndexMap;

use super::ServiceDefaults;
use super::reader::Reader;
use super::service::{Service, Written};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;

const UNKNOWN_SERVICE: Code = Code("PW0607");
const CYCLE: Code = Code("PW0608");
const OWN_LIMITS: Code = Code("PW0611");

type Services = IndexMap<String, Written>;
type Links<'a> = IndexMap<&'a str, &'a Spanned<String>>;

/// Fills in what each service takes from those it is like.
pub(super) fn resolve(
    services: &Services,
    defaults: &ServiceDefaults,
    reader: &mut Reader<'_>,
) -> IndexMap<String, Service> {
    let like: Links<'_> =
        services.iter().filter_map(|(name, s)| Some((name.as_str(), s.like.as_ref()?))).collect();
    check(services, &like, "like", reader);
    for service in services.values() {
        refuse_own_limits(service, reader);
    }
    let without_token: Links<'_> =
        services.iter().filter_map(|(name, s)| Some((name.as_str(), without_token(s, services)?))).collect();
    check(services, &without_token, "without_token", reader);
    services.iter().map(|(name, service)| (name.clone(), merged(service, services, defaults))).collect()
}

/// The service, the one it is like, the one that this is like, …; finite on a cycle too.
fn lineage<'a>(service: &'a Written, services: &'a Services) -> impl Iterator<Item = &'a Written> {
    std::iter::successors(Some(service), |service| services.get(&service.like.as_ref()?.value))
        .take(services.len())
}

/// What is called without a token: its own word, or what it inherits unless that is itself.
fn without_token<'a>(service: &'a Written, services: &'a Services) -> Option<&'a Spanned<String>> {
    let own = service.without_token.as_ref();
    own.or_else(|| {
        lineage(service, services)
            .find_map(|service| service.without_token.as_ref())
            .filter(|inherited| inherited.value != service.name.value)
    })
}

fn merged(service: &Written, services: &Services, defaults: &ServiceDefaults) -> Service {
    let line = || lineage(service, services);
    let base = line().last().unwrap_or(service);
    Service {
        name: service.name.clone(),
        url: line().find_map(|s| s.url.clone()).unwrap_or_default(),
        headers: line().find_map(|s| s.headers.clone()).unwrap_or_default(),
        has_service_role: line().find(|s| s.headers.is_some()).is_some_and(|s| s.has_service_role),
        timeout: line().find_map(|s| s.timeout).unwrap_or(defaults.timeout),
        retry: line().find_map(|s| s.retry.clone()).unwrap_or_else(|| defaults.retry.clone()),
        circuit: base.circuit.as_ref().map(|circuit| circuit.value),
        max_parallel: base.max_parallel.as_ref().map(|slots| slots.value),
        rate: base.rate.as_ref().map(|rate| rate.value),
        http: line().find_map(|s| s.http.clone()),
        limits_of: base.name.value.clone(),
        without_token: without_token(service, services).map(|name| name.value.clone()),
    }
}

/// Links must lead to services, and never back.
fn check(services: &Services, links: &Links<'_>, key: &str, reader: &mut Reader<'_>) {
    for (from, to) in links {
        if !services.contains_key(&to.value) {
            reader.push(
                Diagnostic::error(UNKNOWN_SERVICE, format!("there is no service `{}`", to.value))
                    .at(to.span, format!("named by `{key}`"))
                    .help("add it to `services`")
                    .suggest(&to.value, services.keys().map(String::as_str).filter(|name| name != from)),
            );
            continue;
        }
        let mut path = vec![*from];
        while let Some(next) = path.last().and_then(|last| links.get(last)) {
            path.push(&next.value);
            if next.value == **from || path.len() > services.len() {
                break;
            }
        }
        // Each cycle is told once, from its first name in the alphabet.
        if path.len() > 1 && path.last() == Some(from) && path.iter().min() == Some(from) {
            reader.push(
                Diagnostic::error(CYCLE, format!("`{key}` leads back: {}", path.join(" -> ")))
                    .at(to.span, "comes back to where it began")
                    .help(format!("take `{key}` away from one of them")),
            );
        }
    }
}

/// A service that is like another uses the other's limits.
fn refuse_own_limits(service: &Written, reader: &mut Reader<'_>) {
    let Some(base) = &service.like else { return };
    let own = [
        ("circuit", service.circuit.as_ref().map(|field| field.span)),
        ("max_parallel", service.max_parallel.as_ref().map(|field| field.span)),
        ("rate", service.rate.as_ref().map(|field| field.span)),
    ];
    for (field, span) in own {
        if let Some(span) = span {
            let message = format!("`{}` cannot have a `{field}` of its own", service.name.value);
            reader.push(
                Diagnostic::error(OWN_LIMITS, message)
                    .at(span, "its own")
                    .at(base.span, "shares circuit, slots and rate with this one")
                    .help(format!("set `{field}` of `{}`", base.value)),
            );
        }
    }
}
