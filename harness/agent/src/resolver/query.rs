//! One question to one DNS server, over UDP, and over TCP when the answer does not fit.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use lab_agent::outcome::Outcome;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::random;
use crate::probe::{Failure, datagram_exchange, stream_connect};

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Type A.
    V4,
    /// Type AAAA.
    V6,
}

/// Whom to ask, and how.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The server.
    pub server: SocketAddr,
    /// Over TCP from the start.
    pub tcp: bool,
    /// Which addresses.
    pub family: Family,
    /// Local port to ask from.
    pub source_port: Option<u16>,
}

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name exists, with these addresses of the family.
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NoSuchName,
    /// Another response code than these, as the RFCs name it.
    Failed(String),
}

/// Asks for the fully qualified `name`. The failure is that of the way to the server, not what the server says.
pub async fn ask(
    name: &str,
    question: Question,
    deadline: Instant,
    local_addr: &mut Option<SocketAddr>,
) -> Result<Answer, Failure> {
    let phase = format!("DNS query for {name}");
    let query = encode(name, question.family)?;
    let (id, bytes) = (query.metadata.id, query.to_vec().map_err(|error| Failure::ours(&phase, &error))?);
    if !question.tcp {
        let ends = (question.server, question.source_port);
        let read = |datagram: &[u8]| decode(datagram, id);
        let message = datagram_exchange(ends, &bytes, deadline, local_addr, read).await;
        let message = message.map_err(|failure| failure.within(&phase))?;
        if !message.metadata.truncation {
            return Ok(answer(&message, question.family));
        }
    }
    let message = over_tcp(&bytes, id, question, deadline, local_addr).await;
    message
        .map(|message| answer(&message, question.family))
        .map_err(|failure| failure.within(&format!("{phase} over TCP")))
}

fn encode(name: &str, family: Family) -> Result<Message, Failure> {
    let fully_qualified = Name::from_ascii(name).map_err(|error| Failure::ours(&format!("name {name}"), &error))?;
    let kind = match family {
        Family::V4 => RecordType::A,
        Family::V6 => RecordType::AAAA,
    };
    let [high, low, ..] = random().to_ne_bytes();
    let mut message = Message::new(u16::from_ne_bytes([high, low]), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(fully_qualified, kind));
    Ok(message)
}

/// `None` for a message that answers another question.
fn decode(bytes: &[u8], id: u16) -> Option<Result<Message, Failure>> {
    match Message::from_vec(bytes) {
        Ok(message) if message.metadata.id == id && message.metadata.message_type == MessageType::Response => {
            Some(Ok(message))
        }
        Ok(_) => None,
        Err(error) => Some(Err(Failure::new(Outcome::DnsFailed, format!("the answer is not DNS: {error}")))),
    }
}

fn answer(message: &Message, family: Family) -> Answer {
    match message.metadata.response_code {
        ResponseCode::NoError => {
            let addresses = message.answers.iter().filter_map(|record| record.data.ip_addr());
            Answer::Addresses(addresses.filter(|address| address.is_ipv4() == (family == Family::V4)).collect())
        }
        ResponseCode::NXDomain => Answer::NoSuchName,
        code => Answer::Failed(code_name(code)),
    }
}

fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => other.to_string(),
    }
}

/// Over TCP each message has its length before it, in 16 bits.
async fn over_tcp(
    query: &[u8],
    id: u16,
    question: Question,
    deadline: Instant,
    local_addr: &mut Option<SocketAddr>,
) -> Result<Message, Failure> {
    let mut stream = stream_connect((question.server, question.source_port), deadline, local_addr).await?;
    let length = u16::try_from(query.len()).map_err(|error| Failure::ours("write the query", &error))?;
    let exchange = async {
        stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
        let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    };
    let bytes = match timeout_at(deadline, exchange).await {
        Err(_) => return Err(Failure::new(Outcome::Stalled, "connected, then no whole answer in time")),
        Ok(Err(error)) => return Err(Failure::exchanging("read the answer", &error)),
        Ok(Ok(bytes)) => bytes,
    };
    decode(&bytes, id).unwrap_or_else(|| Err(Failure::new(Outcome::DnsFailed, "the answer is to another question")))
}
