//! The keywords of JSON Schema: what each takes, and in which drafts.

use jsonschema::Draft;

/// What stands under a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// A schema that the same value must meet.
    SchemaInPlace,
    /// A schema of some part of the value.
    Schema,
    /// A schema, or a list of them (`items` before 2020-12).
    SchemaOrList,
    /// Schemas of the same value.
    SchemasInPlace,
    /// Schemas of items.
    Schemas,
    /// Names, each with a schema of a part of the value.
    SchemaMap,
    /// Names, each with a schema of the same value.
    SchemaMapInPlace,
    /// Names, each with a schema that is only there to be referred to.
    Definitions,
    /// Regular expressions, each with a schema.
    PatternMap,
    /// Names, each with a schema or a list of names (`dependencies`).
    SchemaOrNamesMap,
    /// Names, each with a list of names.
    NamesMap,
    /// A list of names.
    Names,
    /// A name of a type, or a list of them.
    Types,
    /// A list of anything.
    List,
    /// Anything.
    Anything,
    /// Text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number that is not negative.
    Count,
    /// A number.
    Number,
    /// A number above 0.
    Divisor,
    /// A regular expression.
    Pattern,
    /// A name of a format.
    Format,
    /// A reference.
    Reference,
    /// A name that a reference may use.
    Anchor,
    /// The name of the schema itself.
    Id,
    /// The draft.
    Draft,
}

/// One keyword.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    since: Draft,
    until: Draft,
}

const OLDEST: Draft = Draft::Draft4;
const NEWEST: Draft = Draft::Draft202012;

const fn always(name: &'static str, takes: Takes) -> Keyword {
    Keyword { name, takes, since: OLDEST, until: NEWEST }
}

const fn since(since: Draft, name: &'static str, takes: Takes) -> Keyword {
    Keyword { name, takes, since, until: NEWEST }
}

const fn until(until: Draft, name: &'static str, takes: Takes) -> Keyword {
    Keyword { name, takes, since: OLDEST, until }
}

const KEYWORDS: &[Keyword] = &[
    always("$schema", Takes::Draft),
    always("$ref", Takes::Reference),
    always("$comment", Takes::Text),
    since(Draft::Draft6, "$id", Takes::Id),
    until(Draft::Draft4, "id", Takes::Id),
    since(Draft::Draft201909, "$anchor", Takes::Anchor),
    since(Draft::Draft202012, "$dynamicAnchor", Takes::Anchor),
    since(Draft::Draft202012, "$dynamicRef", Takes::Reference),
    since(Draft::Draft201909, "$defs", Takes::Definitions),
    always("definitions", Takes::Definitions),
    always("type", Takes::Types),
    always("enum", Takes::List),
    since(Draft::Draft6, "const", Takes::Anything),
    always("properties", Takes::SchemaMap),
    always("patternProperties", Takes::PatternMap),
    always("additionalProperties", Takes::Schema),
    always("required", Takes::Names),
    always("minProperties", Takes::Count),
    always("maxProperties", Takes::Count),
    since(Draft::Draft6, "propertyNames", Takes::Schema),
    since(Draft::Draft201909, "dependentRequired", Takes::NamesMap),
    since(Draft::Draft201909, "dependentSchemas", Takes::SchemaMapInPlace),
    until(Draft::Draft7, "dependencies", Takes::SchemaOrNamesMap),
    since(Draft::Draft201909, "unevaluatedProperties", Takes::Schema),
    since(Draft::Draft202012, "items", Takes::Schema),
    until(Draft::Draft201909, "items", Takes::SchemaOrList),
    since(Draft::Draft202012, "prefixItems", Takes::Schemas),
    until(Draft::Draft201909, "additionalItems", Takes::Schema),
    since(Draft::Draft201909, "unevaluatedItems", Takes::Schema),
    since(Draft::Draft6, "contains", Takes::Schema),
    since(Draft::Draft201909, "minContains", Takes::Count),
    since(Draft::Draft201909, "maxContains", Takes::Count),
    always("minItems", Takes::Count),
    always("maxItems", Takes::Count),
    always("uniqueItems", Takes::Flag),
    always("minLength", Takes::Count),
    always("maxLength", Takes::Count),
    always("pattern", Takes::Pattern),
    always("format", Takes::Format),
    always("contentEncoding", Takes::Text),
    always("contentMediaType", Takes::Text),
    since(Draft::Draft201909, "contentSchema", Takes::Schema),
    always("minimum", Takes::Number),
    always("maximum", Takes::Number),
    since(Draft::Draft6, "exclusiveMinimum", Takes::Number),
    since(Draft::Draft6, "exclusiveMaximum", Takes::Number),
    until(Draft::Draft4, "exclusiveMinimum", Takes::Flag),
    until(Draft::Draft4, "exclusiveMaximum", Takes::Flag),
    always("multipleOf", Takes::Divisor),
    always("allOf", Takes::SchemasInPlace),
    always("anyOf", Takes::SchemasInPlace),
    always("oneOf", Takes::SchemasInPlace),
    always("not", Takes::SchemaInPlace),
    since(Draft::Draft7, "if", Takes::SchemaInPlace),
    since(Draft::Draft7, "then", Takes::SchemaInPlace),
    since(Draft::Draft7, "else", Takes::SchemaInPlace),
    always("title", Takes::Text),
    always("description", Takes::Text),
    always("default", Takes::Anything),
    always("examples", Takes::List),
    always("deprecated", Takes::Flag),
    always("readOnly", Takes::Flag),
    always("writeOnly", Takes::Flag),
];

/// Keywords that other dialects and drafts have, and what to write instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("nullable", "add `\"null\"` to `type`, as in `type: [string, \"null\"]`"),
    ("example", "write `examples` with a list"),
    ("discriminator", "remove it; give each branch of `oneOf` a `const`"),
    ("optional", "remove it; a property is optional unless `required` of its object lists it"),
    ("additionalItems", "write `prefixItems` for the first items and `items` for the others"),
    ("dependencies", "write `dependentRequired` or `dependentSchemas`"),
    ("id", "write `$id`"),
    ("$recursiveRef", "write `$ref: \"#\"`"),
    ("$recursiveAnchor", "remove it and write `$ref: \"#\"` where it was used"),
    ("divisibleBy", "write `multipleOf`"),
    ("extends", "write `allOf`"),
];

/// The names of all keywords, of whatever draft.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let is_first = |n: usize, name: &str| KEYWORDS.iter().take(n).all(|before| before.name != name);
    let all = KEYWORDS.iter().map(|keyword| keyword.name).enumerate();
    all.filter(move |(n, name)| is_first(*n, name)).map(|(_, name)| name)
}

/// The keyword of that name in `draft`.
pub(super) fn find(name: &str, draft: Draft) -> Option<&'static Keyword> {
    of(draft).find(|keyword| keyword.name == name)
}

/// The keywords of `draft`.
pub(super) fn of(draft: Draft) -> impl Iterator<Item = &'static Keyword> {
    KEYWORDS.iter().filter(move |keyword| keyword.since <= draft && draft <= keyword.until)
}

/// Whether some other draft has it.
pub(super) fn in_other_draft(name: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.name == name)
}

/// What to write instead of a keyword that some other dialect or draft has.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, help)| *help)
}

/// What a message calls a draft.
pub(super) fn draft_name(draft: Draft) -> &'static str {
    match draft {
        Draft::Draft4 => "draft 4",
        Draft::Draft6 => "draft 6",
        Draft::Draft7 => "draft 7",
        Draft::Draft201909 => "draft 2019-09",
        _ => "draft 2020-12",
    }
}
