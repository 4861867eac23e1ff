//! Secrets of any letters, in every form of every address.

use proptest::prelude::*;

use super::{Secrets, redact, redact_address};

/// Every byte that is no letter or digit percent-encoded.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A secret that no form has as part of its own text.
fn secret() -> impl Strategy<Value = String> {
    "zQ[a-zA-Z0-9!$%&'()*+,;=:@/?#~._-]{0,12}Qz"
}

/// A secret of any letters, quotes, spaces and others.
fn any_secret() -> impl Strategy<Value = String> {
    "zQ[a-z0-9\"'`<> @:/?#%&=+\\\\äß漢🔑-]{0,12}Qz"
}

/// Forms in which the secret stands percent-encoded, as it must in an address.
fn addresses(secret: &str) -> Vec<String> {
    let s = encoded(secret);
    vec![
        format!("amqp://guest:{s}@h:5672/%2f"),
        format!("amqps://g%40x:{s}@[::1]/v?heartbeat=5"),
        format!("http://joe:{s}@127.0.0.1:15672/api/@{{id}}"),
        format!("redis://:{s}@h:6379/0"),
        format!("rediss://joe:{s}@h"),
        format!("postgres://joe:{s}@a:1,b:2/db?sslmode=require"),
        format!("postgres://a/db?user=joe&password={s}&sslpassword={s}"),
        format!("mongodb://joe:{s}@a:1,b:2/db?replicaSet=r"),
        format!("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:{s}&w=1"),
        format!("mongodb://h/?tlsCertificateKeyFilePassword={s}"),
        format!("http://h/metrics?token={s}"),
        format!("kafka://joe:{s}@h:9092,i:9092"),
        format!("joe:{s}@h:1"),
        format!("https://h:8443/a/b?api_key={s}&x=1"),
        format!("http://h/a?access_token={s}#top"),
        format!("kafka://joe:{s}@[::1]:9092,i"),
        format!("http://joe:{s}@[fd00::1]:8474/proxies"),
        format!("key=amqp://joe:{s}@h/v"),
    ]
}

/// Forms in which it stands as it is.
fn others(secret: &str) -> Vec<String> {
    let quoted = secret.replace('\'', "\\'");
    vec![
        format!("host=h user=joe password='{quoted}' dbname=d"),
        format!("host=h password={secret} dbname=d"),
        format!("sasl.password={secret}"),
        format!("--set db_password={secret}"),
        format!("--password {secret}"),
        format!("Authorization: Bearer {secret}"),
        format!("X-Api-Key: {secret}"),
        format!("PGPASSWORD={secret}"),
        format!("redis-cli --pass {secret}"),
        format!("password: \"{secret}\""),
        format!("{{\"secret\":\"{secret}\"}}"),
        format!("{{\\\"secret\\\":\\\"{secret}\\\"}}"),
    ]
}

/// What may stand around it.
fn surroundings(text: &str) -> Vec<String> {
    vec![
        text.to_owned(),
        format!("cannot connect to {text}: refused"),
        format!("error: \"{text}\" (no answer)"),
        format!("a=http://h/x {text} b=amqp://guest@h"),
        format!("url = '{text}'\nnext = 1"),
        format!("<{text}>"),
        format!("é {text} ü"),
    ]
}

proptest! {
    /// No address shows its secret, in whatever text it stands.
    #[test]
    fn no_address_shows_its_secret(secret in secret()) {
        for form in addresses(&secret) {
            for text in surroundings(&form) {
                let shown = redact(&text);
                prop_assert!(!shown.contains("zQ") && !shown.contains("Qz"), "{} -> {}", text, shown);
                prop_assert_eq!(redact(&shown), shown);
            }
        }
    }

    /// An address that is wrong, because its password is not encoded, shows it
    /// no more than a right one.
    #[test]
    fn a_wrong_address_shows_no_secret(secret in secret()) {
        for form in [
            format!("amqp://guest:{secret}@h:5672/v"),
            format!("redis://:{secret}@h"),
            format!("postgres://joe:{secret}@h/db"),
            format!("mongodb://joe:{secret}@a:1,b:2/db"),
        ] {
            let shown = redact_address(&form);
            prop_assert!(!shown.contains("Qz"), "{} -> {}", form, shown);
            // In a text, another address may begin there.
            if !secret.contains("://") {
                let shown = redact(&form);
                prop_assert!(!shown.contains("Qz"), "{} -> {}", form, shown);
            }
        }
    }

    /// Nor does one whose password has a quote, a space or any letter in it.
    #[test]
    fn a_wrong_address_of_any_letters_shows_no_secret(secret in any_secret()) {
        for form in [
            format!("amqp://guest:{secret}@h:5672/v"),
            format!("rediss://:{secret}@h"),
            format!("postgres://joe:{secret}@a:1,b/db"),
            format!("mongodb://joe:{secret}@a:1,b:2/db"),
            format!("kafka://joe:{secret}@h:9092,i:9092"),
        ] {
            let bare = redact_address(&form[form.find("://").unwrap() + 3..]);
            prop_assert!(!bare.contains("zQ") && !bare.contains("Qz"), "{}", bare);
            let shown = redact_address(&form);
            prop_assert!(!shown.contains("zQ") && !shown.contains("Qz"), "{} -> {}", form, shown);
            if !secret.contains(char::is_whitespace) && !secret.contains("://") {
                prop_assert_eq!(redact(&form), shown);
                let pair = redact(&format!("key={form}"));
                prop_assert!(!pair.contains("zQ") && !pair.contains("Qz"), "{}", pair);
            }
        }
    }

    /// Whatever a run knows as a secret is hidden in every text of a value, and
    /// in what it was found in.
    #[test]
    fn a_value_hides_its_own_secrets(secret in any_secret()) {
        let value = serde_json::json!({
            "settings": {"db_password": secret},
            "url": format!("redis://:{}@h", encoded(&secret)),
            "said": [format!("refused {secret}"), format!("at {}", encoded(&secret))],
        });
        let hidden: serde_json::Value = Secrets::of_value(&value).hidden(&value).unwrap();
        let text = hidden.to_string();
        prop_assert!(!text.contains("zQ") && !text.contains("Qz"), "{}", text);
    }

    /// What is named like a secret is masked, in whatever text it stands.
    #[test]
    fn no_named_value_shows(secret in secret()) {
        for form in others(&secret) {
            for text in surroundings(&form) {
                let shown = redact(&text);
                prop_assert!(!shown.contains("zQ") && !shown.contains("Qz"), "{} -> {}", text, shown);
                prop_assert_eq!(redact(&shown), shown);
            }
        }
    }

    /// A known secret is hidden wherever it stands, also where it is encoded.
    #[test]
    fn a_known_secret_shows_nowhere(secret in secret(), before in ".{0,8}", after in ".{0,8}") {
        let known = Secrets::of(&format!("amqp://guest:{}@h", encoded(&secret)));
        for spelled in [secret.clone(), encoded(&secret), encoded(&secret).to_lowercase()] {
            let shown = known.hide(&format!("{before}{spelled}{after}"));
            let decoded = spelled == secret || spelled == encoded(&secret);
            prop_assert!(!decoded || !shown.contains(&spelled), "{}", shown);
        }
    }

    /// Any text at all can be redacted, and what was masked stays as it is.
    #[test]
    fn any_text_can_be_redacted(text in "(?s).{0,80}") {
        let shown = redact(&text);
        prop_assert_eq!(redact(&shown), shown);
    }
}
