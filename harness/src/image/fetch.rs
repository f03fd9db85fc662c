//! Fetches the image of a distro, unless it is here and right.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use reqwest::Url;

use super::{
    error::ImageError,
    record::{Origin, Record},
    red_hat,
    store::{BaseImage, Store, disk, how_to_get},
    unpack::unpack,
};
use crate::{
    catalog::{
        distro::Distro,
        image::{Account, Compression, ImageSource},
    },
    download::{DownloadError, Kind, Part, Progress, Sha256Digest, Sum, Turn, Wanted, client, download, place},
};

/// How to fetch.
#[derive(Clone, Copy, Debug)]
pub struct FetchOptions {
    /// A server that sends nothing for so long has failed.
    pub stall: Duration,
}

/// An image that is here now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It was here before.
    Present(BaseImage),
    /// It was downloaded.
    New(BaseImage),
}

/// Where the published file is, and its sum.
struct Source {
    places: Vec<Url>,
    sum: Sha256Digest,
}

/// Fetches the image of a distro, unless it is here and right. Others that want the same image wait for it.
pub async fn fetch(
    store: &Store,
    distro: &Distro,
    options: FetchOptions,
    progress: &Progress,
) -> Result<Fetched, ImageError> {
    if store.own(distro).is_some() {
        return store.checked(distro).map(Fetched::Present);
    }
    if let Ok(ImageSource::Build(_) | ImageSource::Own { .. }) = distro.image.source() {
        return match store.checked(distro) {
            Ok(base) => Ok(Fetched::Present(base)),
            Err(_) => Err(ImageError::Absent { distro: distro.id.clone(), help: how_to_get(distro) }),
        };
    }
    store.create()?;
    let image = store.path(distro);
    // Waiting blocks this thread and nothing else: one image is fetched at a time.
    let _turn = Turn::wait(&image, &distro.id, "the image", progress)?;
    match store.checked(distro) {
        Ok(base) => return Ok(Fetched::Present(base)),
        Err(ImageError::Absent { .. }) => {}
        Err(error @ (ImageError::Mismatch(_) | ImageError::Qcow2 { .. })) => {
            progress.line(&format!("{error}; fetching it anew"));
            place::remove(&image)?;
        }
        Err(error) => return Err(error),
    }
    let source = source(distro, options).await?;
    let wanted = Wanted {
        client: &client::for_downloads(options.stall)?,
        label: &distro.id,
        what: &format!("the image of {}", distro.id),
        otherwise: None,
        file: &image,
        sum: Sum::Sha256(source.sum),
        kind: published_kind(distro.image.compressed),
        size: distro.image.size,
        stall: options.stall,
        progress,
    };
    download(&wanted, &source.places).await?;
    progress.end();
    finish(distro, &image, source.sum).inspect_err(|error| {
        // The sum was right, so the same bytes would come again: nothing of them is worth keeping.
        let full = matches!(error, ImageError::Download(DownloadError::Full { .. }));
        if full || matches!(error, ImageError::Qcow2 { .. } | ImageError::Unpack { .. }) {
            drop(Part::remove(&image));
            drop(place::remove(&unpacked(&image)));
        }
    })?;
    store.checked(distro).map(Fetched::New)
}

async fn source(distro: &Distro, options: FetchOptions) -> Result<Source, ImageError> {
    let broken = |problem: String| DownloadError::Client(format!("{}: {problem}", distro.id));
    match distro.image.source() {
        Ok(ImageSource::Download(download)) => {
            let urls = std::iter::once(download.url).chain(download.mirrors.iter().map(String::as_str));
            let places = urls.map(|url| url.parse().map_err(|error| broken(format!("{url}: {error}"))));
            let sum = download.sha256.parse().map_err(|error| broken(format!("{}: {error}", download.sha256)))?;
            Ok(Source { places: places.collect::<Result<_, DownloadError>>()?, sum })
        }
        Ok(ImageSource::Account { account: Account::RedHat { release }, filename }) => {
            let offer = red_hat::offer(&distro.id, release, filename, options.stall).await?;
            Ok(Source { places: vec![offer.url], sum: offer.sum })
        }
        Ok(ImageSource::Own { .. } | ImageSource::Build(_)) => {
            Err(ImageError::Absent { distro: distro.id.clone(), help: how_to_get(distro) })
        }
        Err(problem) => Err(broken(problem.to_owned()).into()),
    }
}

/// What an image's published file must be.
const fn published_kind(compressed: Option<Compression>) -> Kind {
    match compressed {
        Some(compression) => Kind::Compressed(compression),
        None => Kind::Qcow2,
    }
}

fn unpacked(image: &Utf8Path) -> Utf8PathBuf {
    image.with_extension("unpacked")
}

/// From a download with the right sum to an image in its place.
fn finish(distro: &Distro, image: &Utf8Path, published: Sha256Digest) -> Result<(), ImageError> {
    let part = Part::path_of(image);
    let mut record = Record::new(&distro.id, Origin::Downloaded, published);
    let finished = match distro.image.compressed {
        None => part,
        Some(compression) => {
            let unpacked = unpacked(image);
            record.sha256 = unpack(compression, &part, &unpacked)?;
            record.published_sha256 = Some(published);
            unpacked
        }
    };
    disk(&finished).map_err(|error| match error {
        ImageError::Qcow2 { problem, .. } => {
            ImageError::Qcow2 { what: format!("the image that was downloaded for {}", distro.id), problem }
        }
        error => error,
    })?;
    record.write(image)?;
    place::read_only(&finished, image)?;
    Ok(Part::remove(image)?)
}
