//! Problems as a terminal shows them.

use scenarios::{Problem, Problems, Settings, plan};

const BROKEN: &str = r#"name = "shop"
title = "größer als 0 €"

[params.rate]
default = "50"

[system]
reference = "publisher"

[[phase]]
name = "load"
for = "10s"

[[workload]]
name = "checkout"
rate = "${rate}"
phases = ["laod"]
http = { body = "größe: 5 €", url = "http://127.0.0.1/", heders = {} }

[[check]]
name = "accepted"
title = "the shop accepts what it is asked"
ratio = { of = "checkout.unsuccessful", to = "checkout.due", phases = ["load"], max = "1%" }
"#;

#[test]
fn a_terminal_shows_the_lines_that_are_wrong() {
    let settings = Settings { variant: "slow".to_owned(), ..Settings::default() };
    let shown = plan("shop.toml", BROKEN, &settings).unwrap_err().render(false);
    assert_eq!(shown, EXPECTED, "{shown}");
}

const EXPECTED: &str = r#"error: "50" has no unit; write a rate such as "500/s"
  --> shop.toml:16:8
   |
16 | rate = "${rate}"
   |        ^^^^^^^^^
   |
   = help: parameter rate is "50" by default

error: there is no phase "laod"
  --> shop.toml:17:11
   |
17 | phases = ["laod"]
   |           ^^^^^^
   |
   = help: did you mean "load"?

error: unknown table "heders"
  --> shop.toml:18:58
   |
18 | http = { body = "größe: 5 €", url = "http://127.0.0.1/", heders = {} }
   |                                                          ^^^^^^
   |
   = help: did you mean "headers"?

error: --variant slow: there is no such variant

shop.toml: 4 problems; nothing was run
"#;

#[test]
fn colors_are_only_added_where_they_are_wanted() {
    let problems = plan("shop.toml", BROKEN, &Settings::default()).unwrap_err();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}

#[test]
fn a_span_outside_of_the_text_is_no_panic() {
    for span in [3..4, 4..5, 90..95, 0..90, 4..4] {
        let problem = Problem { message: "x".to_owned(), help: None, span: Some(span) };
        let problems = Problems {
            file: "f".to_owned(),
            source: "a €\n".to_owned(),
            list: vec![problem],
            secrets: scenarios::redact::Secrets::default(),
        };
        assert!(problems.render(false).contains('x'));
        assert!(problems.to_string().starts_with("f:"));
    }
}
