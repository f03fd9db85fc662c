//! What the routing code answers for a packet: `ip route get`.

use std::{collections::BTreeMap, net::IpAddr};

use crate::provider::{Command, Machine, MachineError};

/// A question to the routing code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteQuery {
    /// Destination.
    pub to: IpAddr,
    /// Source, where it matters.
    pub from: Option<IpAddr>,
    /// Incoming interface of a packet that is not the machine's own.
    pub iif: Option<String>,
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
    /// The table that has it, where it is another than the kernel's own two.
    pub table: Option<String>,
    /// Whether the destination is the machine itself.
    pub local: bool,
    /// The answer's first line.
    pub text: String,
}

impl RouteQuery {
    /// For a packet of the machine's own.
    #[must_use]
    pub const fn own(to: IpAddr) -> Self {
        Self { to, from: None, iif: None }
    }

    /// For a packet of the machine's own, from one of its addresses.
    #[must_use]
    pub const fn own_from(to: IpAddr, from: IpAddr) -> Self {
        Self { to, from: Some(from), iif: None }
    }

    /// For a packet that came in by an interface.
    #[must_use]
    pub fn through(to: IpAddr, from: IpAddr, iif: &str) -> Self {
        Self { to, from: Some(from), iif: Some(iif.to_owned()) }
    }

    fn arguments(&self) -> String {
        let from = self.from.map(|from| format!(" from {from}")).unwrap_or_default();
        let iif = self.iif.as_ref().map(|iif| format!(" iif {iif}")).unwrap_or_default();
        format!("{}{from}{iif}", self.to)
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
        table: behind("table").filter(|table| !["main", "local"].contains(table)).map(|table| (*table).to_owned()),
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
        let through = RouteQuery::through(to, "10.1.0.11".parse().expect("address"), "calia");
        let own_from = RouteQuery::own_from(to, "192.0.2.11".parse().expect("address"));
        let text = "? 10.1.0.12\n10.1.0.12 via 192.168.50.100 dev eth0 src 192.168.50.1 uid 0 \n    cache \n\
            ? 10.1.0.12 from 10.1.0.11 iif calia\nRTNETLINK answers: No route to host\n\
            ? 10.1.0.12 from 192.0.2.11\n10.1.0.12 from 192.0.2.11 via 192.0.2.1 dev eth0 table 30400 uid 0 \n    cache \n";
        let answers = answers(&[RouteQuery::own(to), through.clone(), own_from.clone()], text);
        let RouteAnswer::Route(from_own) = &answers[&own_from] else { panic!("{answers:?}") };
        assert_eq!((from_own.dev.as_deref(), from_own.table.as_deref()), (Some("eth0"), Some("30400")));
        assert_eq!(answers[&through], RouteAnswer::None("No route to host".to_owned()));
        assert_eq!(
            answers[&RouteQuery::own(to)],
            RouteAnswer::Route(Route {
                dev: Some("eth0".to_owned()),
                via: "192.168.50.100".parse().ok(),
                table: None,
                local: false,
                text: "10.1.0.12 via 192.168.50.100 dev eth0 src 192.168.50.1 uid 0".to_owned(),
            })
        );
    }
}
