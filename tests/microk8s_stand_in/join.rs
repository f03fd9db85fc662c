//! Joining: the first node hands out what another needs, to whoever has a token.
//!
//! One line with the token is asked, one line of JSON is the answer.

use std::net::Ipv4Addr;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{
    Failure, api,
    node::{DATA, Facts},
};

/// Port of MicroK8s's cluster agent.
const PORT: u16 = 25000;

#[derive(Serialize, Deserialize)]
struct Answer {
    index: usize,
    server: Ipv4Addr,
    certificate: String,
    token: String,
}

/// Answers for ever.
pub async fn serve() {
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await {
        Ok(listener) => listener,
        Err(error) => return eprintln!("port {PORT}: {error}"),
    };
    while let Ok((stream, from)) = listener.accept().await {
        if let Err(error) = answer(stream).await {
            eprintln!("{from}: {error}");
        }
    }
}

async fn answer(mut stream: TcpStream) -> Result<(), Failure> {
    let mut token = String::new();
    BufReader::new(&mut stream).read_line(&mut token).await?;
    let token = token.trim();
    let known = format!("{DATA}/tokens/{token}");
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !plain || fs::remove_file(known).is_err() {
        stream.write_all(b"Invalid token\n").await?;
        return Ok(());
    }
    let last = fs::read_to_string(format!("{DATA}/last-index")).unwrap_or_default();
    let index = last.trim().parse::<usize>().unwrap_or_default() + 1;
    fs::write(format!("{DATA}/last-index"), index.to_string())?;
    let tokens = fs::read_to_string(format!("{DATA}/tokens.csv"))?;
    let answer = Answer {
        index,
        server: Facts::load()?.server,
        certificate: fs::read_to_string(format!("{DATA}/pki/apiserver.crt"))?,
        token: tokens.split(',').next().unwrap_or_default().to_owned(),
    };
    stream.write_all(format!("{}\n", serde_json::to_string(&answer)?).as_bytes()).await?;
    Ok(())
}

/// Fetches what this node needs to be one of another cluster, and writes it in the place of its own.
pub async fn join(url: &str, name: &str, ip: Ipv4Addr) -> Result<(), Failure> {
    let mut words = url.split('/');
    let (address, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("{token}\n").as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    let answer: Answer = serde_json::from_str(&line).map_err(|_| line.trim().to_owned())?;
    for own in ["tokens.csv", "service-account.key", "run", "cni-network", "pki"] {
        let path = format!("{DATA}/{own}");
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(_) => {}
        }
    }
    Facts { index: answer.index, name: name.to_owned(), ip, server: answer.server }.write()?;
    api::write_configs(answer.server, &answer.certificate, &answer.token)
}
