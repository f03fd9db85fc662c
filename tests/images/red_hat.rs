//! The way to Red Hat's image, with a server of the test's own in the place of theirs.

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::{
    bench::{Bench, image, sum},
    server::Reply,
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![a_token_brings_the_image, a_token_may_be_in_a_file, what_goes_wrong_is_said_without_the_secrets,]
}

const OFFLINE: &str = "offline-token-of-the-user";
const ACCESS: &str = "access-token-of-an-hour";
const SIGNATURE: &str = "signature-of-the-place";
const TOKEN: &str = "/auth/realms/redhat-external/protocol/openid-connect/token";
const IMAGES: &str = "/management/v1/images/rhel/9.5/x86_64";

fn bench(image: &[u8]) -> Bench {
    let bench = Bench::new("filename: os-kvm.qcow2, account: { kind: red-hat, release: '9.5' }");
    let server = &bench.server;
    server.answer(TOKEN, [Reply::json(&format!(r#"{{"access_token":"{ACCESS}","expires_in":900}}"#))]);
    let (ask, place) = (server.url("/management/v1/images/7/download"), server.url(&format!("/cdn?auth={SIGNATURE}")));
    let entry = |name: &str, href: &str, sum: &str| {
        format!(r#"{{"filename":"{name}","downloadHref":"{href}","checksum":"{sum}"}}"#)
    };
    let (other, wanted) = (entry("os.iso", "x", ""), entry("os-kvm.qcow2", &ask, &sum(image)));
    server.answer(IMAGES, [Reply::json(&format!(r#"{{"body":[{other},{wanted}]}}"#))]);
    server.answer("/management/v1/images/7/download", [Reply::json(&format!(r#"{{"body":{{"href":"{place}"}}}}"#))]);
    server.answer(&format!("/cdn?auth={SIGNATURE}"), [Reply::file(image)]);
    bench
}

/// Fetches with the token; no secret is in what is said.
fn fetch(bench: &Bench, more: &[(&str, &str)]) -> String {
    let mut command = bench.command(&["image", "fetch", "testos"]);
    command.env("PATHLAB_RHSM_SERVER", bench.server.url("/")).env("PATHLAB_LOG", "trace");
    command.envs(more.iter().copied());
    let said = bench.said(&command.output().expect("lab starts"));
    for secret in [OFFLINE, ACCESS, SIGNATURE] {
        assert!(!said.contains(secret), "{secret} is told: {said}");
        let told = std::fs::read_dir(bench.images()).into_iter().flatten().flatten().any(|entry| {
            let text = std::fs::read(entry.path()).unwrap_or_default();
            text.windows(secret.len()).any(|window| window == secret.as_bytes())
        });
        assert!(!told, "{secret} is in a file");
    }
    said.lines().filter(|line| !line.contains(" TRACE ") && !line.contains(" DEBUG ")).collect::<Vec<_>>().join("\n")
}

fn a_token_brings_the_image() {
    let image = image(200_000);
    let bench = bench(&image);
    assert_snapshot!("red_hat", fetch(&bench, &[("PATHLAB_RHSM_OFFLINE_TOKEN", OFFLINE)]));
    assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image);
    let requests = bench.server.requests();
    assert_eq!(requests[0].body, format!("grant_type=refresh_token&client_id=rhsm-api&refresh_token={OFFLINE}"));
    for request in &requests[1..3] {
        assert_eq!(request.headers["authorization"], format!("Bearer {ACCESS}"));
    }
    assert!(!requests[3].headers.contains_key("authorization"), "the place itself gets no token");
    // Afterwards no token is needed.
    let said = bench.lab(&["image", "verify", "testos"]);
    assert!(said.starts_with("status 0\n"), "{said}");
}

fn a_token_may_be_in_a_file() {
    let image = image(200_000);
    let bench = bench(&image);
    let file = bench.path("token");
    std::fs::write(&file, format!("{OFFLINE}\n")).expect("written");
    let said = fetch(&bench, &[("PATHLAB_RHSM_OFFLINE_TOKEN_FILE", file.as_str())]);
    assert!(said.starts_with("status 0\n"), "{said}");
}

fn what_goes_wrong_is_said_without_the_secrets() {
    let token = &[("PATHLAB_RHSM_OFFLINE_TOKEN", OFFLINE)][..];
    let image = image(200_000);
    let expired = Reply {
        status: 400,
        ..Reply::json(&format!(r#"{{"error":"invalid_grant","error_description":"{OFFLINE}"}}"#))
    };
    let moved = Reply { location: Some("http://127.0.0.1:1/".to_owned()), ..Reply::status(302) };
    let cases: [(&str, &str, Reply); 5] = [
        ("expired", TOKEN, expired),
        ("redirected", TOKEN, moved),
        ("page", TOKEN, Reply::file(b"<html>maintenance</html>")),
        ("no_such_image", IMAGES, Reply::json(r#"{"body":[]}"#)),
        (
            "other_server",
            IMAGES,
            Reply::json(
                r#"{"body":[{"filename":"os-kvm.qcow2","downloadHref":"https://evil.invalid/x","checksum":"0000000000000000000000000000000000000000000000000000000000000000"}]}"#,
            ),
        ),
    ];
    for (name, path, reply) in cases {
        let bench = bench(&image);
        bench.server.answer(path, [reply]);
        assert_snapshot!(format!("red_hat_{name}"), fetch(&bench, token));
        assert_eq!(bench.files(), [""; 0], "{name}");
    }
    let bench = bench(&image);
    assert_snapshot!("red_hat_no_token", fetch(&bench, &[]));
    let elsewhere = [("PATHLAB_RHSM_SERVER", "https://evil.invalid/"), token[0]];
    assert_snapshot!("red_hat_elsewhere", fetch(&bench, &elsewhere));
    bench.server.answer(&format!("/cdn?auth={SIGNATURE}"), [Reply::status(403)]);
    assert_snapshot!("red_hat_forbidden", fetch(&bench, token));
}
