//! Takes secrets out of text: private keys, tokens, passwords, credentials in headers and URLs.

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Parts of the names of settings that hold secrets.
const NAMES: [&str; 20] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "client-key-data",
    "client_key_data",
    "private-key",
    "private_key",
    "privatekey",
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "access_key",
    "activationkey",
    "activation-key",
    "fastopen_key",
    "psk",
    "credential",
];

/// Ends of names that say something about a secret and do not hold it.
const HARMLESS: [&str; 11] = ["file", "files", "path", "dir", "name", "type", "ttl", "url", "flags", "mode", "count"];

/// Values that are no secrets.
const EMPTY: [&str; 10] = ["true", "false", "yes", "no", "null", "none", "nil", "{", "[", "|"];

/// How far back a value's name is looked for, in bytes.
const LOOK_BACK: usize = 256;

/// The text without its secrets, and how many there were.
#[must_use]
pub fn redact(text: &str) -> (String, usize) {
    let (mut kept, mut count) = (String::with_capacity(text.len()), 0);
    let mut in_key = false;
    for line in text.split_inclusive('\n') {
        if in_key {
            in_key = !line.contains("-----END");
            continue;
        }
        if let Some((before, rest)) = private_key(line) {
            kept.push_str(before);
            kept.push_str(REDACTED);
            // A key on one line (escaped line ends) ends there.
            if let Some((_, after)) = rest.rsplit_once("-----END").and_then(|(_, end)| end.split_once("-----")) {
                kept.push_str(after);
            } else {
                in_key = true;
                kept.push('\n');
            }
            count += 1;
            continue;
        }
        count += line_without_secrets(line, &mut kept);
    }
    (kept, count)
}

/// What stands before a private key that begins on this line, and what is behind the beginning.
fn private_key(line: &str) -> Option<(&str, &str)> {
    let (before, rest) = line.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    kind.contains("PRIVATE KEY").then_some((before, rest))
}

fn line_without_secrets(line: &str, kept: &mut String) -> usize {
    let (mut rest, mut count) = (line, 0);
    while !rest.is_empty() {
        if let Some(length) = secret_at(rest, kept) {
            kept.push_str(REDACTED);
            rest = &rest[length..];
            count += 1;
            continue;
        }
        let length = word_length(rest).max(rest.chars().next().map_or(1, char::len_utf8));
        kept.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    count
}

/// Length of a secret that starts here, judged by itself and by what was kept before it.
fn secret_at(rest: &str, before: &str) -> Option<usize> {
    let value = value_length(rest, before);
    let text = &rest[..value];
    if text.is_empty() || text == REDACTED {
        return None;
    }
    let line = end_of_line(before);
    let secret = is_web_token(text) || behind_scheme(line, text) || in_url(line, rest) || named(line, text);
    secret.then(|| if in_url(line, rest) { rest.find('@').unwrap_or(value) } else { value })
}

/// The end of the last line: what a value's name can stand in. A log may be one line of megabytes.
fn end_of_line(text: &str) -> &str {
    let mut from = text.len().saturating_sub(LOOK_BACK);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let end = &text[from..];
    end.rsplit('\n').next().unwrap_or(end)
}

fn word_length(rest: &str) -> usize {
    rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_-.".contains(letter))).unwrap_or(rest.len())
}

/// A value goes on to its closing quote, else to the next white space or separator.
fn value_length(rest: &str, before: &str) -> usize {
    let quote = before.chars().next_back().filter(|last| matches!(last, '"' | '\''));
    let end = match quote {
        Some(quote) => rest.find([quote, '\n']),
        None => rest.find(|letter: char| letter.is_whitespace() || ",;&\"'}])".contains(letter)),
    };
    end.unwrap_or(rest.len())
}

/// A JSON web token: three parts, the first two of them JSON objects in base64.
fn is_web_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    matches!(parts.as_slice(), [header, body, _] if header.starts_with("eyJ") && body.starts_with("eyJ"))
}

/// `Authorization: Bearer …`
fn behind_scheme(line: &str, text: &str) -> bool {
    let before = line.trim_end().to_ascii_lowercase();
    let scheme = before.ends_with(" bearer") || before.ends_with(" basic") || before == "bearer";
    scheme && line.ends_with(' ') && text.len() >= 8
}

/// The password in `https://user:password@host`.
fn in_url(line: &str, rest: &str) -> bool {
    let Some((_, user)) = line.rsplit_once("://") else { return false };
    let Some(name) = user.strip_suffix(':') else { return false };
    let plain = |text: &str| !text.contains(|letter: char| letter.is_whitespace() || "/@:".contains(letter));
    plain(name) && rest.split_once('@').is_some_and(|(password, _)| !password.is_empty() && plain(password))
}

/// `name: value`, `"name": "value"`, `--name=value`, `--name value`.
fn named(line: &str, value: &str) -> bool {
    let unquoted = line.trim_end_matches(['"', '\'']);
    let spaced = unquoted.trim_end();
    let name = match spaced.strip_suffix([':', '=']) {
        Some(name) => name.trim_end(),
        None if spaced.len() < unquoted.len() => spaced,
        None => return false,
    };
    let flag_only = !spaced.ends_with([':', '=']);
    let name = name.trim_end_matches(['"', '\'', '\\']);
    let start = name.rfind(|letter: char| !(letter.is_ascii_alphanumeric() || "_-.".contains(letter)));
    let name = &name[start.map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8))..];
    if flag_only && !name.starts_with("--") || value.starts_with("--") {
        return false;
    }
    holds_secret(&name.to_ascii_lowercase()) && !EMPTY.contains(&value.to_ascii_lowercase().as_str())
}

fn holds_secret(name: &str) -> bool {
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or(name);
    NAMES.iter().any(|part| name.contains(part)) && !HARMLESS.contains(&last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::redact;

    const SECRET: &str = "hunter2SuperSecret";

    #[test]
    fn planted_secrets_are_gone() {
        for text in [
            format!("password: {SECRET}"),
            format!("\"token\": \"{SECRET}\","),
            format!("REGISTRY_PASSWORD={SECRET}"),
            format!("--token={SECRET} --v=2"),
            format!("kubelet --bootstrap-token {SECRET} --v=2"),
            format!("    client-key-data: {SECRET}=="),
            format!("Authorization: Bearer {SECRET}"),
            format!("curl -H 'Authorization: Basic {SECRET}' x"),
            format!("proxy=http://user:{SECRET}@proxy:3128/"),
            format!("PrivateKey = {SECRET}="),
            format!("802-11-wireless-security.psk: {SECRET}"),
            format!("net.ipv6.conf.eth0.stable_secret = {SECRET}"),
            format!("net.ipv4.tcp_fastopen_key = {SECRET}"),
            format!("{{\"access_key\":\"{SECRET}\",\"x\":1}}"),
            format!("-----BEGIN EC PRIVATE KEY-----\n{SECRET}\nabc\n-----END EC PRIVATE KEY-----\n"),
            format!("key: \"-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n-----END PRIVATE KEY-----\\n\""),
            format!("  -----BEGIN OPENSSH PRIVATE KEY-----\n  {SECRET}\n"),
            format!("saw eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.{SECRET} there"),
        ] {
            let (kept, count) = redact(&text);
            assert!(!kept.contains(SECRET), "{text} → {kept}");
            assert_eq!(count, 1, "{text} → {kept}");
        }
    }

    #[test]
    fn what_is_around_a_secret_stays() {
        assert_eq!(redact("a --token=abcdef --v=2\n").0, "a --token=[redacted] --v=2\n");
        assert_eq!(redact("url: https://me:abc@host/x\n").0, "url: https://me:[redacted]@host/x\n");
        assert_eq!(
            redact("-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\nnext\n").0,
            "[redacted]\nnext\n"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "tcp dport 22 accept",
            "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
            "--token-auth-file=/etc/tokens.csv",
            "secret \"zeus\" not found",
            "allow-bootstrap-token: true",
            "certificate-authority-data: LS0tLS1CRUdJTg==",
            "sysctl net.ipv4.ip_forward = 1",
            "inet firewalld filter_FWD_public reject with icmpx admin-prohibited",
            "http://10.1.0.12:8080/a@b",
        ] {
            assert_eq!(redact(text), (text.to_owned(), 0));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_twice_is_once(text in any::<String>()) {
            let (once, _) = redact(&text);
            prop_assert_eq!(&redact(&once).0, &once);
        }
    }
}
