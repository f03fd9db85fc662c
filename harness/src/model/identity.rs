//! What makes two causes the same one from night to night: the rule, without what differs at each start.

use super::report::Cause;

impl Cause {
    /// Kind, owner, place and rule on one line, without names and numbers that a cluster makes up anew each time. The
    /// summary is not part of it: it is for people.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut text = self.kind.to_string();
        if let Some(owner) = &self.owner {
            text.push_str(" by ");
            text.push_str(owner);
        }
        let place: Vec<&str> = [&self.table, &self.chain].into_iter().flatten().map(String::as_str).collect();
        if !place.is_empty() {
            text.push_str(" in ");
            text.push_str(&place.join(" "));
        }
        if let Some(rule) = &self.rule {
            text.push_str(": ");
            text.push_str(rule);
        }
        lasting(&text)
    }
}

/// The words of a text that are the same at the next start: no counters, no handles, no generated names.
fn lasting(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut all = text.split_whitespace().peekable();
    while let Some(word) = all.next() {
        let number = all.peek().is_some_and(|next| next.chars().all(|c| c.is_ascii_digit()));
        match word {
            "packets" | "bytes" if number => drop(all.next()),
            "#" if all.peek() == Some(&"handle") => drop((all.next(), all.next())),
            _ => words.push(stable(word)),
        }
    }
    words.join(" ").chars().filter(|c| !c.is_control()).collect()
}

/// A word with the generated part of a pod's interface or of a Service endpoint's chain cut off.
fn stable(word: &str) -> String {
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let base32 = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    cut(word, "cali", 11, hexadecimal).or_else(|| cut(word, "KUBE-SEP-", 16, base32)).unwrap_or_else(|| word.to_owned())
}

/// The word with the `length` characters behind the prefix replaced, if there are just so many.
fn cut(word: &str, prefix: &str, length: usize, part: impl Fn(char) -> bool) -> Option<String> {
    let at = word.find(prefix)? + prefix.len();
    let end = at + word[at..].find(|c| !part(c)).unwrap_or(word.len() - at);
    (end - at == length).then(|| format!("{}*{}", &word[..at], &word[end..]))
}

#[cfg(test)]
mod tests {
    use crate::model::report::{Cause, CauseKind};

    fn cause(rule: &str) -> Cause {
        Cause {
            kind: CauseKind::FirewallDrop,
            table: Some("ip filter".to_owned()),
            chain: Some("FORWARD".to_owned()),
            rule: Some(rule.to_owned()),
            owner: Some("user".to_owned()),
            summary: "for people".to_owned(),
        }
    }

    #[test]
    fn what_differs_at_each_start_is_left_out() {
        let one =
            cause("iifname \"cali0b5de8f4417\" counter packets 12 bytes 720 jump KUBE-SEP-ABCDEFGHIJKLMNOP # handle 3");
        let other =
            cause("iifname \"cali1111e8f4417\" counter packets 1 bytes 60 jump KUBE-SEP-ZBCDEFGHIJKLMNOP # handle 9");
        assert_eq!(one.identity(), other.identity());
        assert_eq!(
            one.identity(),
            "firewall-drop by user in ip filter FORWARD: iifname \"cali*\" counter jump KUBE-SEP-*"
        );
        assert_ne!(one.identity(), cause("drop").identity());
    }

    #[test]
    fn other_words_stay() {
        for rule in ["iifname \"cali*\" drop", "iifname calico0 drop", "tcp dport 80 drop", "packets over"] {
            assert!(cause(rule).identity().ends_with(rule), "{rule}");
        }
    }
}
