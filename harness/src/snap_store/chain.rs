//! The assertions with which a machine believes that a file is the snap: those that `snap download` writes.
//!
//! snapd starts from the snap-revision, and brings of each assertion first what it rests on and then the key that it is
//! signed with, but nothing that every snapd has built in (`asserts/fetcher.go`, `chase`; `asserts/sysdb/trusted.go`). For
//! a snap of another publisher than Canonical that makes account-key, account, snap-declaration, snap-revision.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{ask::Asker, assertion::Assertion, error::SnapStoreError, offer::Offer};

/// `asserts/asserts.go`, `MediaType`.
const ASSERTION: &str = "application/x.ubuntu.assertion";
/// The series of all snaps (`release/release.go`).
const SERIES: &str = "16";
/// The account and the key that are in every snapd.
const BUILT_IN: [&str; 2] = ["canonical", "-CvQKAwRQ5h3Ffn10FILJoEZUXOv6km9FwA80-Rcj-f-6jadQ89VRswHNiEB9Lxk"];

/// What names an assertion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reference {
    AccountKey(String),
    Account(String),
    SnapDeclaration(String),
    SnapRevision(String),
}

/// How far one is: it is being fetched, or is here.
type Seen = BTreeMap<Reference, bool>;

/// Brings the assertions of a snap: a stream for `snap ack`, checked.
pub(super) async fn fetch(asker: &Asker<'_>, offer: &Offer) -> Result<Vec<u8>, SnapStoreError> {
    let (mut stream, mut seen) = (Vec::new(), Seen::new());
    chase(asker, offer, Reference::SnapRevision(sum(offer)), &mut seen, &mut stream).await?;
    let text = Assertion::join(&stream);
    check(&text, offer).map_err(|problem| unusable(offer, problem))?;
    Ok(text)
}

/// Whether a stream of assertions says that this is the snap (`asserts/snapasserts/snapasserts.go`, `CrossCheck`).
pub(super) fn check(stream: &[u8], offer: &Offer) -> Result<(), String> {
    let assertions = Assertion::stream(stream)?;
    let one = |kind: &str| {
        let mut found = assertions.iter().filter(|assertion| assertion.kind() == kind);
        found.next().ok_or_else(|| format!("there is no {kind}"))
    };
    let (revision, declaration) = (one("snap-revision")?, one("snap-declaration")?);
    revision.insist("snap-sha3-384", &sum(offer))?;
    revision.insist("snap-revision", &offer.revision.to_string())?;
    revision.insist("snap-size", &offer.size.to_string())?;
    revision.insist("snap-id", &offer.snap_id)?;
    declaration.insist("snap-id", &offer.snap_id)?;
    declaration.insist("snap-name", &offer.name)
}

/// A sum as assertions have it (`asserts/digest.go`, `EncodeDigest`).
fn sum(offer: &Offer) -> String {
    URL_SAFE_NO_PAD.encode(offer.sum.bytes())
}

/// Adds an assertion to the stream, behind all that it rests on.
fn chase<'a>(
    asker: &'a Asker<'_>,
    offer: &'a Offer,
    reference: Reference,
    seen: &'a mut Seen,
    stream: &'a mut Vec<Assertion>,
) -> Pin<Box<dyn Future<Output = Result<(), SnapStoreError>> + 'a>> {
    Box::pin(async move {
        if reference.is_built_in() {
            return Ok(());
        }
        match seen.insert(reference.clone(), false) {
            None => {}
            Some(true) => {
                seen.insert(reference, true);
                return Ok(());
            }
            Some(false) => return Err(unusable(offer, format!("the {} rests on itself", reference.kind()))),
        }
        let assertion = retrieve(asker, offer, &reference).await?;
        for needed in reference.rests_on(&assertion).map_err(|problem| unusable(offer, problem))? {
            chase(asker, offer, needed, seen, stream).await?;
        }
        stream.push(assertion);
        seen.insert(reference, true);
        Ok(())
    })
}

/// `store/store_asserts.go`, `Assertion`.
async fn retrieve(asker: &Asker<'_>, offer: &Offer, reference: &Reference) -> Result<Assertion, SnapStoreError> {
    let (kind, key) = (reference.kind(), reference.key());
    let mut url = asker.url(&format!("v2/assertions/{kind}/{key}"))?;
    url.query_pairs_mut().append_pair("max-format", reference.format());
    let answer = asker.ask(asker.client.get(url.clone()), &url, ASSERTION).await?;
    if !answer.status.is_success() {
        return Err(asker.failed(&url, &answer.refusal()));
    }
    let assertion = Assertion::only(&answer.body).map_err(|_| asker.failed(&url, &answer.is_not("an assertion")))?;
    let same = assertion.insist("type", kind).and_then(|()| {
        let name = reference.key_header();
        assertion.insist(name, reference.id())
    });
    same.map_err(|problem| unusable(offer, problem))?;
    Ok(assertion)
}

fn unusable(offer: &Offer, problem: String) -> SnapStoreError {
    SnapStoreError::Assertions { snap: offer.name.clone(), revision: offer.revision, problem }
}

impl Reference {
    const fn kind(&self) -> &'static str {
        match self {
            Self::AccountKey(_) => "account-key",
            Self::Account(_) => "account",
            Self::SnapDeclaration(_) => "snap-declaration",
            Self::SnapRevision(_) => "snap-revision",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::AccountKey(id) | Self::Account(id) | Self::SnapDeclaration(id) | Self::SnapRevision(id) => id,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::SnapDeclaration(id) => format!("{SERIES}/{id}"),
            _ => self.id().to_owned(),
        }
    }

    /// The header that has the ID.
    const fn key_header(&self) -> &'static str {
        match self {
            Self::AccountKey(_) => "public-key-sha3-384",
            Self::Account(_) => "account-id",
            Self::SnapDeclaration(_) => "snap-id",
            Self::SnapRevision(_) => "snap-sha3-384",
        }
    }

    /// The newest format that snapd knows of the kind (`asserts/asserts.go`, `maxSupportedFormat`).
    const fn format(&self) -> &'static str {
        match self {
            Self::AccountKey(_) => "1",
            Self::SnapDeclaration(_) => "6",
            Self::Account(_) | Self::SnapRevision(_) => "0",
        }
    }

    fn is_built_in(&self) -> bool {
        matches!(self, Self::AccountKey(_) | Self::Account(_)) && BUILT_IN.contains(&self.id())
    }

    /// What must be known before it (`asserts/snap_asserts.go` and `asserts/account_key.go`, `Prerequisites`), then the
    /// key of its signature.
    fn rests_on(&self, assertion: &Assertion) -> Result<Vec<Self>, String> {
        let header = |name: &str| {
            let value = assertion.header(name)?;
            // It becomes part of a place.
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if plain { Ok(value.to_owned()) } else { Err(format!("its {} says {name} `{value}`", self.kind())) }
        };
        let mut needed = match self {
            Self::AccountKey(_) => vec![Self::Account(header("account-id")?)],
            Self::Account(_) => Vec::new(),
            Self::SnapDeclaration(_) => vec![Self::Account(header("publisher-id")?)],
            Self::SnapRevision(_) => {
                vec![Self::SnapDeclaration(header("snap-id")?), Self::Account(header("developer-id")?)]
            }
        };
        needed.push(Self::AccountKey(header("sign-key-sha3-384")?));
        Ok(needed)
    }
}
