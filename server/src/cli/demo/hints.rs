//! What to try next.

use super::stage::{HEADERS, Stage};
use crate::demo::data;

/// Commands to try, ready to be copied.
pub(super) fn text(stage: &Stage) -> String {
    let headers = stage.folder.path().join(HEADERS);
    let (user, today) = (data::USER, stage.now.strftime("%Y-%m-%d"));
    let calls = [
        (
            "",
            "/api/transactions/create",
            format!(
                r#"{{"amount": 900, "transaction_date": "{today}", "category": "dining", "merchant": "Cafe Aroma"}}"#
            ),
        ),
        (
            "",
            "/api/budget/suggest",
            format!(r#"{{"userId": "{user}", "totalIncome": 60000, "period": "monthly"}}"#),
        ),
        (
            "-N ",
            "/api/chat/stream",
            format!(r#"{{"userId": "{user}", "message": "Can I afford a bicycle?"}}"#),
        ),
        ("", "/api/budget/suggest", format!(r#"{{"userId": "{user}", "totalIncome": -1}}"#)),
    ];
    let mut text = format!(
        "Now you, from another terminal. The headers carry a token that is good for an hour.\n\n  H=@{}\n",
        headers.display()
    );
    for (flags, path, body) in calls {
        text.push_str(&format!("  curl -s {flags}-H $H {} -d '{body}'\n", stage.url(path)));
    }
    text.push_str("\nWhat runs is told below. Ctrl-C ends everything.");
    text
}
