//! A little data: one user, an active budget, and a month in which groceries are dear.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::supabase::Database;

/// The user of the demo.
pub const USER: &str = "3f2c9a50-7d41-4e68-9c1b-5a0e8d6f1b27";
/// A document of the user that has not been read yet.
pub const DOCUMENT: &str = "8b1d7c64-2e9f-4a35-b0d8-6c4e1f7a9352";

/// What is budgeted for groceries in a month.
const GROCERIES: u32 = 10_000;
/// What has been spent on them so far.
const SPENT: u32 = 7_000;

/// Two purchases of groceries on the day of `now`: the first takes them past 80 % of their
/// budget, the second past all of it.
#[must_use]
pub fn purchases(now: Timestamp) -> [Value; 2] {
    [(1_500, "Fresh Mart"), (2_000, "Spice Bazaar")].map(|(amount, merchant)| {
        json!({
            "user_id": USER,
            "amount": amount,
            "transaction_date": now.strftime("%Y-%m-%d").to_string(),
            "merchant": merchant,
            "category": "groceries",
            "description": null,
        })
    })
}

/// Puts the demo's rows in.
pub(super) fn fill(database: &mut Database, now: Timestamp) {
    let first = now.strftime("%Y-%m-01").to_string();
    let spent = |amount: u32, merchant: &str, category: &str| {
        json!({
            "user_id": USER,
            "amount": amount,
            "transaction_date": first,
            "merchant": merchant,
            "category": category,
        })
    };
    let rows = [
        ("profiles", json!({"id": USER, "full_name": "Asha Rao", "mode": "personal"})),
        ("income_records", json!({"user_id": USER, "amount": 85_000, "source": "salary"})),
        (
            "documents",
            json!({"id": DOCUMENT, "user_id": USER, "file_name": "receipt.jpg", "file_url": "https://files.example.com/receipt.jpg"}),
        ),
        (
            "budgets",
            json!({
                "user_id": USER, "period": "monthly", "is_active": true, "total_income": 85_000,
                "rent": 25_000, "groceries": GROCERIES, "transport": 4_000, "entertainment": 3_000,
                "savings": 17_000, "emergency_fund": 8_500, "utilities": 4_000, "healthcare": 3_000,
                "education": 3_000, "dining": 4_000, "shopping": 2_500, "other": 1_000,
            }),
        ),
        ("transactions", spent(25_000, "Landlord", "rent")),
        ("transactions", spent(SPENT - 2_600, "Fresh Mart", "groceries")),
        ("transactions", spent(2_600, "Spice Bazaar", "groceries")),
        ("transactions", spent(900, "Cafe Aroma", "dining")),
    ];
    for (table, row) in rows {
        let put = database.insert(table, row, now);
        debug_assert!(put.is_ok(), "{put:?}");
    }
}
