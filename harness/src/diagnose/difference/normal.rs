//! Takes out of a text what differs between any two machines: numbers, hashes, addresses of hardware, times.

/// A word with what always differs replaced: MAC addresses, names of pods' interfaces, identifiers.
#[must_use]
pub fn word(word: &str) -> String {
    let bare = word.trim_matches(|letter: char| "\"',;()[]{}".contains(letter));
    let normal = if is_mac(bare) {
        "MAC".to_owned()
    } else if let Some(start) = pod_interface(bare) {
        format!("{start}*")
    } else if is_identifier(bare) {
        "ID".to_owned()
    } else {
        return word.to_owned();
    };
    word.replacen(bare, &normal, 1)
}

/// A line with each of its words normalised, without counters, handles and times.
#[must_use]
pub fn line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        match &words[at..] {
            ["counter", "packets", _, "bytes", _, ..] => {
                kept.push("counter".to_owned());
                at += 5;
            }
            ["#", "handle", _, ..] => at += 3,
            ["valid_lft" | "preferred_lft" | "used" | "expires" | "index" | "link-netnsid" | "group", _, ..] => at += 2,
            [count, ..] if at == 0 && count.starts_with('[') && count.ends_with(']') && count.contains(':') => at += 1,
            [other, ..] => {
                kept.push(word(other));
                at += 1;
            }
            [] => break,
        }
    }
    kept.join(" ")
}

/// The beginning that pods' interfaces share: `cali1a2b3c4d5e6@if2` → `cali`.
#[must_use]
pub fn pod_interface(name: &str) -> Option<&'static str> {
    ["cali", "veth", "lxc"].into_iter().find(|start| {
        name.strip_prefix(start).is_some_and(|rest| {
            let rest = rest.split('@').next().unwrap_or(rest);
            !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
        })
    })
}

fn is_mac(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.chars().all(|digit| digit.is_ascii_hexdigit()))
}

/// A UUID or a long hexadecimal number.
fn is_identifier(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let hex = digits.chars().filter(char::is_ascii_hexdigit).count();
    let only = digits.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    only && hex >= 12 && digits.chars().any(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn what_always_differs_goes() {
        for (text, expected) in [
            ("ip saddr 10.1.0.0/16 counter packets 3 bytes 180 drop # handle 12", "ip saddr 10.1.0.0/16 counter drop"),
            ("[3:180] -A FORWARD -j DROP", "-A FORWARD -j DROP"),
            ("10.1.0.12 dev cali1a2b3c4d5e6 scope link", "10.1.0.12 dev cali* scope link"),
            ("link/ether 66:37:3b:e4:f5:85 brd ff:ff:ff:ff:ff:ff", "link/ether MAC brd MAC"),
            ("id 0f8fad5b-d9cb-469f-a165-70867728950e", "id ID"),
            ("iifname \"calia1b2\" accept", "iifname \"cali*\" accept"),
            ("valid_lft forever preferred_lft forever", ""),
        ] {
            assert_eq!(line(text), expected);
        }
    }
}
