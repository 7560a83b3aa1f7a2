//! A handful of pathways that have, all together, the verbs and modifiers that matter here.

/// The project.
pub(crate) const PROJECT: &str = r#"
services:
  api: { url: "http://api.test", timeout: 4s, retry: { attempts: 3, delay: 500ms, factor: 2, jitter: 0.5 } }
"#;

/// Calls in parallel and in sequence, in a lane.
const ORDER: &str = r#"
pathway: order
on: { topic: orders, key: input.customer }
steps:
  stock: { http: { service: api, get: "/{{ run.id }}/stock" } }
  price: { http: { service: api, get: "/{{ run.id }}/price" } }
  charged: { needs: [stock, price], http: { service: api, post: "/{{ run.id }}/charged{{ input.what }}" } }
return: "{{ steps.charged.body }}"
"#;

/// All pathways.
pub(crate) const PATHWAYS: &[&str] = &[ORDER];
