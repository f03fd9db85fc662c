//! What the routing code answers for a packet: `ip route get`.

use std::{collections::BTreeMap, net::IpAddr};

use crate::provider::{Command, Machine, MachineError};

/// A question to the routing code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteQuery {
    /// Destination.
    pub to: IpAddr,
    /// Source and incoming interface of a packet that is not the machine's own.
    pub from: Option<(IpAddr, String)>,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAnswer {
    /// There is a way.
    Route(Route),
    /// There is none; what the kernel says.
    None(String),
}

/// A way out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Outgoing interface.
    pub dev: Option<String>,
    /// Gateway.
    pub via: Option<IpAddr>,
    /// Whether the destination is the machine itself.
    pub local: bool,
    /// The answer's first line.
    pub text: String,
}

impl RouteQuery {
    /// For a packet of the machine's own.
    #[must_use]
    pub const fn own(to: IpAddr) -> Self {
        Self { to, from: None }
    }

    fn arguments(&self) -> String {
        match &self.from {
            Some((from, iif)) => format!("{} from {from} iif {iif}", self.to),
            None => self.to.to_string(),
        }
    }
}

/// Asks a machine all of these in one go.
pub async fn ask(
    machine: &dyn Machine,
    queries: &[RouteQuery],
) -> Result<BTreeMap<RouteQuery, RouteAnswer>, MachineError> {
    if queries.is_empty() {
        return Ok(BTreeMap::new());
    }
    // The questions come by standard input: nothing of a packet gets into a shell line.
    let script = "while read -r query; do echo \"? $query\"; ip route get $query 2>&1 || :; done";
    let input: String = queries.iter().map(|query| query.arguments() + "\n").collect();
    let command = Command::shell(script).stdin(input);
    let text = machine.run(&command).await?.success(machine.name(), &command)?.text();
    Ok(answers(queries, &text))
}

fn answers(queries: &[RouteQuery], text: &str) -> BTreeMap<RouteQuery, RouteAnswer> {
    let mut sections: BTreeMap<&str, &str> = BTreeMap::new();
    for section in text.split("? ").skip(1) {
        let (query, answer) = section.split_once('\n').unwrap_or((section, ""));
        sections.insert(query, answer);
    }
    queries
        .iter()
        .filter_map(|query| {
            let text = sections.get(query.arguments().as_str())?;
            Some((query.clone(), answer(text)))
        })
        .collect()
}

fn answer(text: &str) -> RouteAnswer {
    let first = text.lines().next().unwrap_or_default().trim();
    if let Some((_, reason)) = first.split_once("answers: ") {
        return RouteAnswer::None(reason.to_owned());
    }
    if first.is_empty() || first.starts_with("Error") || first.starts_with("Cannot") {
        return RouteAnswer::None(first.to_owned());
    }
    let words: Vec<&str> = first.split_whitespace().collect();
    let behind = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    RouteAnswer::Route(Route {
        dev: behind("dev").map(|dev| (*dev).to_owned()),
        via: behind("via").and_then(|via| via.parse().ok()),
        local: words.first() == Some(&"local"),
        text: first.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Route, RouteAnswer, RouteQuery, answers};

    #[test]
    fn reads_answers() {
        let to = "10.1.0.12".parse().expect("address");
        let through = RouteQuery { to, from: Some(("10.1.0.11".parse().expect("address"), "calia".to_owned())) };
        let text = "? 10.1.0.12\n10.1.0.12 via 192.168.50.100 dev eth0 src 192.168.50.1 uid 0 \n    cache \n\
            ? 10.1.0.12 from 10.1.0.11 iif calia\nRTNETLINK answers: No route to host\n";
        let answers = answers(&[RouteQuery::own(to), through.clone()], text);
        assert_eq!(answers[&through], RouteAnswer::None("No route to host".to_owned()));
        assert_eq!(
            answers[&RouteQuery::own(to)],
            RouteAnswer::Route(Route {
                dev: Some("eth0".to_owned()),
                via: "192.168.50.100".parse().ok(),
                local: false,
                text: "10.1.0.12 via 192.168.50.100 dev eth0 src 192.168.50.1 uid 0".to_owned(),
            })
        );
    }
}
