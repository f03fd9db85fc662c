//! `report.html` in a real browser: that it shows what it should, says nothing on the console, asks for nothing.
//!
//! Tier `browser`: without Chromium the tests are listed as ignored, with the reason, and fail if `PATHLAB_REQUIRE`
//! names the tier.

#[path = "report/sample.rs"]
mod sample;

mod browser;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use libtest_mimic::{Arguments, Failed, Trial};
use pathlab::{model::report::Report, report::html};
use tempfile::TempDir;

use self::browser::{Browser, Scheme};

/// Width of a phone, in CSS pixels.
const PHONE: u32 = 390;
/// Width of a desktop window, in CSS pixels.
const DESK: u32 = 1280;

/// What `audit.js` finds, besides the texts with too little contrast.
const AUDIT: &str = include_str!("browser/audit.js");

type Check = fn(&Browser) -> Result<(), Failed>;

fn main() {
    let checks: [(&str, Check); 6] = [
        ("it_shows_the_report", it_shows_the_report),
        ("it_asks_for_nothing_and_is_silent", it_asks_for_nothing_and_is_silent),
        ("hostile_text_runs_nothing", hostile_text_runs_nothing),
        ("cells_open_their_details", cells_open_their_details),
        ("text_can_be_read_in_light_and_dark", text_can_be_read_in_light_and_dark),
        ("a_phone_need_not_scroll_sideways", a_phone_need_not_scroll_sideways),
    ];
    let browser = Browser::find();
    let required = std::env::var("PATHLAB_REQUIRE").is_ok_and(|tiers| tiers.split(',').any(|tier| tier == "browser"));
    let trials = checks.into_iter().map(|(name, check)| match &browser {
        Ok(browser) => {
            let browser = browser.clone();
            Trial::test(name, move || check(&browser))
        }
        Err(reason) if required => {
            let reason = reason.clone();
            Trial::test(name, move || Err(reason.into()))
        }
        Err(reason) => Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true),
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

/// A report as a page in a folder of its own.
struct PageFile {
    path: Utf8PathBuf,
    _dir: TempDir,
}

impl PageFile {
    fn of(report: &Report) -> Self {
        Self::with(&html::to_string(report).expect("rendered"))
    }

    fn with(html: &str) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path").join("report.html");
        fs::write(&path, html).expect("writable");
        Self { path, _dir: dir }
    }

    /// The page in a frame of this width, with a script of ours in it that its policy would not let run. The frame
    /// stands for a narrow screen: a window of Chromium has a least width.
    fn audited(report: &Report, width: u32) -> Self {
        let html = html::to_string(report).expect("rendered");
        let (head, rest) = html.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("has a policy");
        let rest = rest.split_once('>').expect("the policy ends").1;
        let inner = format!("{head}{rest}").replace("</body>", &format!("<script>{AUDIT}</script></body>"));
        let page = Self::with(&format!(
            "<meta name=\"color-scheme\" content=\"light dark\"><title></title>\
             <script>onmessage = (event) => {{ document.title = event.data; }}</script>\
             <iframe src=\"inner.html\" width=\"{width}\" height=\"1900\"></iframe>"
        ));
        fs::write(page.path.with_file_name("inner.html"), inner).expect("writable");
        page
    }
}

/// What the script in an audited page found, as `key=value` words.
fn audit(browser: &Browser, report: &Report, width: u32, scheme: Scheme) -> Result<Vec<String>, Failed> {
    let dom = browser.open(&PageFile::audited(report, width).path, scheme)?.dom;
    let title = dom.split_once("<title>audit ").and_then(|(_, rest)| rest.split_once("</title>"));
    let (title, _) = title.ok_or("the audit did not run")?;
    let found: Vec<_> = title.split(';').map(|word| word.trim().to_owned()).collect();
    ensure(found.contains(&format!("width={width}")), format!("not as wide as asked for: {found:?}"))?;
    Ok(found)
}

fn ensure(holds: bool, message: impl Into<String>) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed::from(message.into())) }
}

fn it_shows_the_report(browser: &Browser) -> Result<(), Failed> {
    let dom = browser.open(&PageFile::of(&sample::mixed()).path, Scheme::Light)?.dom;
    for part in ["rhel-9.5", "http-502", "filter_FWD_public", "<svg", "trusted-source", "16443", "1043 lines"] {
        ensure(dom.contains(part), format!("{part} is not on the page"))?;
    }
    Ok(())
}

fn it_asks_for_nothing_and_is_silent(browser: &Browser) -> Result<(), Failed> {
    // First that this test would notice: a page that does ask and complain.
    let noisy = "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'\"><script>1</script>\
                 <img src=\"http://pathlab.invalid/x.png\">";
    let visit = browser.open(&PageFile::with(noisy).path, Scheme::Light)?;
    ensure(!visit.console.is_empty(), "a refused script is not seen on the console")?;
    ensure(!visit.requests.is_empty(), "a request is not seen")?;
    for report in [sample::seed(), sample::mixed()] {
        let visit = browser.open(&PageFile::of(&report).path, Scheme::Light)?;
        ensure(visit.console.is_empty(), format!("console: {:?}", visit.console))?;
        ensure(visit.requests.is_empty(), format!("requests: {:?}", visit.requests))?;
    }
    Ok(())
}

fn hostile_text_runs_nothing(browser: &Browser) -> Result<(), Failed> {
    let visit = browser.open(&PageFile::of(&sample::hostile()).path, Scheme::Light)?;
    ensure(visit.console.is_empty(), format!("console: {:?}", visit.console))?;
    ensure(visit.requests.is_empty(), format!("requests: {:?}", visit.requests))?;
    for markup in ["<script", "<img"] {
        ensure(!visit.dom.contains(markup), format!("{markup} became an element"))?;
    }
    Ok(())
}

fn cells_open_their_details(browser: &Browser) -> Result<(), Failed> {
    let found = audit(browser, &sample::mixed(), DESK, Scheme::Light)?;
    ensure(found.iter().any(|word| word == "opened=pod-to-pod-ip"), format!("{found:?}"))?;
    ensure(found.iter().any(|word| word == "closed=true"), format!("{found:?}"))
}

fn text_can_be_read_in_light_and_dark(browser: &Browser) -> Result<(), Failed> {
    for (scheme, word) in [(Scheme::Light, "scheme=light"), (Scheme::Dark, "scheme=dark")] {
        let found = audit(browser, &sample::mixed(), DESK, scheme)?;
        ensure(found.iter().any(|other| other == word), format!("{word} was not used: {found:?}"))?;
        let faint: Vec<_> = found.iter().filter(|word| word.starts_with("faint=")).collect();
        ensure(faint.is_empty(), format!("contrast below 4.5 in {word}: {faint:?}"))?;
        let nameless: Vec<_> = found.iter().filter(|word| word.starts_with("nameless=")).collect();
        ensure(nameless.is_empty(), format!("no accessible name: {nameless:?}"))?;
    }
    Ok(())
}

fn a_phone_need_not_scroll_sideways(browser: &Browser) -> Result<(), Failed> {
    for report in [sample::seed(), sample::mixed(), sample::hostile()] {
        let found = audit(browser, &report, PHONE, Scheme::Light)?;
        let overflow: Vec<_> = found.iter().filter(|word| word.starts_with("overflow=")).collect();
        ensure(overflow.is_empty(), format!("wider than the screen: {overflow:?}"))?;
    }
    Ok(())
}
