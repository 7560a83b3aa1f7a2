//! A handful of pathways that have, all together, the verbs and modifiers that matter here. Paths of
//! calls begin with the run's id; a record says in `what` whether services answer with 400 (`poison`).

/// The project.
pub(crate) const PROJECT: &str = r#"
max_runs: 12
services:
  api: { url: "http://api.test", timeout: 4s, retry: { attempts: 3, delay: 500ms, factor: 2, jitter: 0.5 } }
  weak:
    url: "http://weak.test"
    timeout: 3s
    max_parallel: 2
    rate: 20/s
    retry: { attempts: 3, delay: 300ms, factor: 2, jitter: 0.5 }
    circuit: { failures: 4, open: 3s, half_open: 1 }
"#;

/// A pathway that records come for from outside.
#[derive(Debug)]
pub(crate) struct Fed {
    pub(crate) topic: &'static str,
    pub(crate) text: &'static str,
}

/// Those that records come for.
pub(crate) const FED: &[Fed] = &[
    // In a lane; calls in parallel and in sequence; goes on in another pathway.
    Fed {
        topic: "orders",
        text: r#"
pathway: order
on: { topic: orders, key: input.customer, id: input.id }
steps:
  stock: { http: { service: api, get: "/{{ run.id }}/stock" } }
  price: { http: { service: weak, get: "/{{ run.id }}/price" } }
  charged: { needs: [stock, price], http: { service: api, post: "/{{ run.id }}/charged{{ input.what }}" } }
  told:
    needs: charged
    publish: { topic: shipments, key: input.customer, value: { id: "{{ input.id }}", customer: "{{ input.customer }}" } }
return: "{{ steps.charged.body }}"
"#,
    },
    // Holds its lane while it is parked; undoes what it has done; pays once at most.
    Fed {
        topic: "bookings",
        text: r#"
pathway: booking
on: { topic: bookings, key: input.customer, park: hold }
steps:
  asked: { http: { service: api, get: "/{{ run.id }}/asked{{ input.what }}" } }
  room:
    needs: asked
    http: { service: api, post: "/{{ run.id }}/room" }
    compensate: { http: { service: api, delete: "/{{ run.id }}/room/undone" } }
  tickets:
    needs: asked
    each: "[1, 2]"
    as: n
    http: { service: weak, post: "/{{ run.id }}/tickets/{{ n }}" }
    compensate: { http: { service: weak, delete: "/{{ run.id }}/tickets/{{ n }}/undone" } }
  paid:
    needs: [room, tickets]
    at_most_once: true
    retry: { attempts: 1 }
    http: { service: api, post: "/{{ run.id }}/paid" }
return: { ok: true }
"#,
    },
    // Waits for a signal, and for a time.
    Fed {
        topic: "requests",
        text: r#"
pathway: approval
on: { topic: requests }
steps:
  first: { wait: { signal: approved, timeout: 15s }, on_error: { return: { by: nobody } } }
  pause: { needs: first, wait: { for: 3s } }
  second: { needs: pause, when: input.what == 'poison', wait: { signal: approved } }
  done: { needs: second, http: { service: api, post: "/{{ run.id }}/done" } }
return: "{{ steps.first.by }}"
"#,
    },
    // Calls others, which call others.
    Fed {
        topic: "trips",
        text: r#"
pathway: trip
on: { topic: trips, key: input.customer }
steps:
  legs:
    each: "[1, 2]"
    as: n
    call: { pathway: leg, input: { n: "{{ n }}", what: "{{ input.what }}" } }
    on_error: { return: missed }
  told: { needs: legs, publish: { topic: archive, key: input.customer, value: { id: "{{ input.id }}" } } }
return: "{{ steps.legs }}"
"#,
    },
    // Tries a block again; answers on a topic, also while it runs.
    Fed {
        topic: "questions",
        text: r#"
pathway: question
on:
  topic: questions
  correlation: id
  reply: { topic: replies, emit: { piece: "{{ emitted }}" }, error: { failed: "{{ error.class }}" } }
steps:
  hello: { emit: hello }
  asked:
    needs: hello
    retry: { attempts: 2, delay: 200ms, on: [upstream, outage, timeout] }
    steps:
      one: { http: { service: weak, get: "/{{ run.id }}/one/{{ run.attempt }}" }, retry: { attempts: 1 } }
      other: { needs: one, http: { service: api, get: "/{{ run.id }}/other{{ input.what }}" }, retry: { attempts: 1 } }
    return: "{{ steps.other.body }}"
  bye: { needs: asked, emit: bye }
return: { said: "{{ steps.asked }}" }
"#,
    },
    // Passes on what it is told, as it is told it.
    Fed {
        topic: "talks",
        text: r#"
pathway: talk
on:
  topic: talks
  key: input.customer
  correlation: id
  reply: { topic: replies, emit: { piece: "{{ emitted }}" } }
steps:
  told: { http: { service: api, get: "/{{ run.id }}/told", parse: sse, pick: chunk, emit: true } }
  again:
    needs: told
    retry: { attempts: 3, delay: 100ms, restart: true }
    http: { service: weak, get: "/{{ run.id }}/again{{ input.what }}", parse: sse, pick: chunk, emit: true }
return: { said: "{{ steps.told.text }}" }
"#,
    },
    // One pays for all of a customer.
    Fed {
        topic: "bills",
        text: r#"
pathway: bill
on: { topic: bills }
steps:
  paid: { once: input.customer, http: { service: weak, post: "/{{ run.id }}/paid{{ input.what }}" } }
  told: { needs: paid, http: { service: api, get: "/{{ run.id }}/told" } }
return: "{{ 'paid' if steps.paid else 'by another' }}"
"#,
    },
    // Over at once, or refused at once.
    Fed {
        topic: "notes",
        text: r#"
pathway: note
on: { topic: notes, key: input.customer }
steps:
  told: { publish: { topic: archive, key: input.customer, value: { id: "{{ input.id }}" } } }
  no: { needs: told, when: input.what == 'poison', fail: { message: no, class: upstream } }
return: ok
"#,
    },
    // Without a journal.
    Fed {
        topic: "plain",
        text: r#"
pathway: plain
durability: none
on: { topic: plain }
steps:
  asked: { when: input.what == 'poison', http: { service: api, get: "/{{ run.id }}/asked" } }
  told: { needs: asked, publish: { topic: plain_out, key: input.customer, value: { id: "{{ input.id }}" } } }
"#,
    },
];

/// Pathways that callers ask for something, and wait for the answer: the path, the topic behind it, and the
/// pathway.
pub(crate) const DOORS: &[(&str, &str, &str)] = &[
    // Calls before it answers, in a lane.
    (
        "/ask",
        "asks",
        r#"
pathway: ask
on: { topic: asks, key: input.customer, http: { post: /ask, auth: none, timeout: 6s } }
input:
  type: object
  required: [id, customer, what]
  properties: { id: { type: string }, customer: { type: string }, what: { type: string } }
steps:
  found: { http: { service: api, get: "/{{ run.id }}/found{{ input.what }}" } }
  told: { needs: found, publish: { topic: archive, key: input.customer, value: { id: "{{ input.id }}" } } }
return: { id: "{{ input.id }}", run: "{{ run.id }}" }
"#,
    ),
    // Over at once.
    (
        "/echo",
        "echoes",
        r#"
pathway: echo
on: { topic: echoes, http: { post: /echo, auth: none, timeout: 6s } }
input:
  type: object
  required: [id, customer, what]
  properties: { id: { type: string }, customer: { type: string }, what: { type: string } }
steps:
  no: { when: input.what == 'poison', fail: { message: no, class: upstream } }
return: { id: "{{ input.id }}", run: "{{ run.id }}" }
"#,
    ),
];

/// Begins by the clock; one run after the other, none left out.
pub(crate) const SCHEDULED: &str = r#"
pathway: tock
on: { schedule: { cron: "*/10 * * * * *", catch_up: 100, overlap: queue, input: { at: "{{ scheduled_at }}" } } }
steps:
  asked: { http: { service: api, get: "/{{ run.id }}/asked" } }
return: ok
"#;

/// How pathways change: what is said otherwise in the next version.
pub(crate) const CHANGES: &[(&str, &str)] = &[
    (
        "  price: { http:",
        "  offer: { http: { service: api, get: \"/{{ run.id }}/offer\" } }\n  price: { http:",
    ),
    ("needs: asked\n    each: \"[1, 2]\"", "needs: room\n    each: \"[1, 2, 3]\""),
];

/// Those that others call or send records to.
pub(crate) const OTHERS: &[&str] = &[
    r#"
pathway: shipment
on: { topic: shipments, key: input.customer }
steps:
  parcels:
    each: "[1, 2, 3]"
    as: n
    max_parallel: 2
    keep_going: true
    http: { service: weak, post: "/{{ run.id }}/parcels/{{ n }}" }
  told: { needs: parcels, publish: { topic: archive, key: input.customer, value: { id: "{{ input.id }}" } } }
return: ok
"#,
    r#"
pathway: leg
steps:
  booked: { http: { service: api, post: "/{{ run.id }}/booked{{ input.what }}" } }
  seat: { needs: booked, call: { pathway: seat, input: { n: "{{ input.n }}" } } }
return: "{{ steps.seat }}"
"#,
    r#"
pathway: seat
steps:
  pause: { wait: { for: 1s } }
  taken: { needs: pause, http: { service: weak, post: "/{{ run.id }}/taken" } }
return: "{{ input.n }}"
"#,
];
