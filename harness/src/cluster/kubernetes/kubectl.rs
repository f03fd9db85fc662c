//! The lab's stand-in for `microk8s` on a node: `microk8s kubectl rollout restart`, through the real API.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use super::files::KUBECONFIG;
use crate::cluster::{
    dataplane::layout::API_PORT,
    kube::{KubeAccess, KubeApi, TcpDial},
};

/// The name by which this program is the stand-in.
pub const NAME: &str = "microk8s";

/// How long the API server may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// What is to be restarted.
#[derive(Debug, PartialEq, Eq)]
struct Restart {
    kind: &'static str,
    namespace: String,
    name: String,
}

/// The arguments of `microk8s`, if this program was called by that name.
#[must_use]
pub fn asked() -> Option<Vec<String>> {
    let mut words = std::env::args();
    let name = words.next()?;
    (Path::new(&name).file_name()? == NAME).then(|| words.collect())
}

/// Does what `microk8s ARGUMENTS` does.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    let done = parse(arguments).and_then(|restart| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(carry_out(&restart))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("microk8s (the lab's stand-in): {error}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(restart: &Restart) -> Result<(), String> {
    let text = std::fs::read_to_string(KUBECONFIG).map_err(|error: io::Error| format!("{KUBECONFIG}: {error}"))?;
    let dial = Arc::new(TcpDial(SocketAddr::from((Ipv4Addr::LOCALHOST, API_PORT))));
    let access = KubeAccess::from_kubeconfig(&text, dial).await.map_err(|error| error.to_string())?;
    let api = KubeApi::connect(access, LIMIT).await.map_err(|error| error.to_string())?;
    let Restart { kind, namespace, name } = restart;
    api.restart(kind, namespace, name).await.map_err(|error| error.to_string())?;
    println!("{}.apps/{name} restarted", kind.to_lowercase());
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Restart, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, name, namespace) = match words.as_slice() {
        ["kubectl", "rollout", "restart", kind, name] => (*kind, *name, "default"),
        ["kubectl", "rollout", "restart", kind, name, "-n", namespace] => (*kind, *name, *namespace),
        _ => {
            let said = arguments.join(" ");
            return Err(format!(
                "`{said}` is not there on a namespace host; there is `microk8s kubectl rollout restart KIND NAME [-n NAMESPACE]`"
            ));
        }
    };
    let kind = match kind {
        "deployment" => "Deployment",
        "daemonset" => "DaemonSet",
        other => return Err(format!("`{other}` is no deployment and no daemonset")),
    };
    Ok(Restart { kind, namespace: namespace.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Restart, parse};

    fn parsed(line: &str) -> Result<Restart, String> {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn rollouts_are_restarted_and_nothing_else() {
        let web = Restart { kind: "Deployment", namespace: "shop".to_owned(), name: "web".to_owned() };
        assert_eq!(parsed("kubectl rollout restart deployment web -n shop"), Ok(web));
        assert_eq!(parsed("kubectl rollout restart daemonset web").map(|it| it.namespace), Ok("default".to_owned()));
        for line in ["kubectl get pods", "kubectl rollout restart pod web", "status"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
