//! What is wrong with the machine or the configuration before it hurts: tzdata, limits, buffers, clock, disk, ports,
//! prompts, certificates.
//!
//! Looks and tries, and changes nothing but a probe file that it removes. Printing is the command line's. Read
//! [`examine`] and [`Finding`] first.

mod machine;
mod network;

use serde::{Deserialize, Serialize};

use super::{Config, Prompt, Tls};
use crate::model::time::Timestamp;

/// Built-in sounds that stand where words belong.
const SPEAKING: [&str; 2] = ["information", "consent"];
/// Sample rates that can be played.
const PROMPT_RATES_HZ: [u32; 5] = [8_000, 16_000, 32_000, 44_100, 48_000];
/// Longest prompt, in seconds.
const PROMPT_S_MAX: u32 = 600;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but something deserves attention.
    Warning,
    /// Something will not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// A stable code, such as `tzdata_old`.
    pub code: String,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub says: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

impl Finding {
    pub(crate) fn ok(code: &str, subject: &str, says: impl Into<String>) -> Finding {
        Finding::new(Level::Ok, code, subject, says, "")
    }

    pub(crate) fn warning(code: &str, subject: &str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Level::Warning, code, subject, says, advice)
    }

    pub(crate) fn error(code: &str, subject: &str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Level::Error, code, subject, says, advice)
    }

    fn new(level: Level, code: &str, subject: &str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { level, code: code.into(), subject: subject.into(), says: says.into(), advice: advice.into() }
    }
}

/// Looks at everything. `running`: the service is up, so that its ports being taken is as it should be.
///
/// Carriers are not asked anything: that is the command line's, which may wait for them.
pub fn examine(config: &Config, now: Timestamp, running: bool) -> Vec<Finding> {
    let mut findings = vec![
        machine::tzdata(now),
        machine::clock(now, config.data.database.file()),
        machine::open_files(config),
        machine::socket_buffer("rmem_max"),
        machine::socket_buffer("wmem_max"),
        machine::data_directory(&config.data.directory),
        machine::recordings(&config.data.recordings),
    ];
    findings.extend(network::ports(config, running));
    findings.extend(network::exposure(config));
    findings.extend(prompts(config));
    findings.extend(certificates(config));
    findings
}

/// The worst level, which decides the exit code.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

fn prompts(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, prompt) in &config.prompts {
        let subject = format!("prompt {name}");
        let path = match prompt {
            Prompt::Builtin(sound) if SPEAKING.contains(sound) => {
                let says = format!("the built-in `{sound}` is a chime without words");
                let advice = "record the message and name its WAV file: customers must be told something";
                findings.push(Finding::warning("prompt_wordless", &subject, says, advice));
                continue;
            }
            Prompt::Builtin(_) => continue,
            Prompt::File(path) => path,
        };
        findings.push(match hound::WavReader::open(path) {
            Ok(reader) => {
                let spec = reader.spec();
                let seconds = reader.duration() / spec.sample_rate.max(1);
                if PROMPT_RATES_HZ.contains(&spec.sample_rate) && spec.channels <= 2 && seconds <= PROMPT_S_MAX {
                    Finding::ok("prompt", &subject, format!("{} can be played", path.display()))
                } else {
                    let says = format!(
                        "{} has {} Hz, {} channels, {seconds} s",
                        path.display(),
                        spec.sample_rate,
                        spec.channels,
                    );
                    Finding::error(
                        "prompt_format",
                        &subject,
                        says,
                        "convert it to WAV with 8000 Hz, one channel, at most 10 minutes",
                    )
                }
            }
            Err(error) => {
                let says = format!("{} cannot be read: {error}", path.display());
                Finding::error(
                    "prompt_unreadable",
                    &subject,
                    says,
                    "give the path of a WAV file that the service may read",
                )
            }
        });
    }
    findings
}

/// That the files are there and hold what their names say. Their dates are not looked at.
fn certificates(config: &Config) -> Vec<Finding> {
    let http = match &config.http.tls {
        Tls::Files(certificate) => Some(("pages", certificate)),
        Tls::Off | Tls::SelfSigned => None,
    };
    let sip = config.sip.certificate.as_ref().map(|certificate| ("sip", certificate));
    let mut findings = Vec::new();
    for (what, certificate) in http.into_iter().chain(sip) {
        for (path, label) in [(&certificate.certificate_file, "CERTIFICATE"), (&certificate.key_file, "PRIVATE KEY")] {
            let subject = format!("certificate of {what}");
            let shown = path.display();
            findings.push(match std::fs::read_to_string(path) {
                Ok(text) if text.contains("-----BEGIN ") && text.contains(&format!("{label}-----")) => {
                    Finding::ok("certificate", &subject, format!("{shown} holds a {}", label.to_lowercase()))
                }
                Ok(_) => {
                    let says = format!("{shown} holds no PEM block of kind {label}");
                    Finding::error("certificate_format", &subject, says, "give a PEM file")
                }
                Err(error) => {
                    let says = format!("{shown} cannot be read: {error}");
                    Finding::error(
                        "certificate_unreadable",
                        &subject,
                        says,
                        "give a PEM file that the service may read",
                    )
                }
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn now() -> Timestamp {
        Timestamp::from_millis(1_795_318_496_000)
    }

    fn codes(findings: &[Finding], level: Level) -> Vec<&str> {
        findings.iter().filter(|f| f.level == level).map(|f| f.code.as_str()).collect()
    }

    /// An even port that nobody has: the default range may be in use on the machine that runs the tests.
    fn free_port() -> u16 {
        let sockets = std::iter::repeat_with(|| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let ports = sockets.map(|socket| socket.local_addr().unwrap().port());
        ports.take(100).find(|port| port % 2 == 0 && *port < 65_000).unwrap()
    }

    fn config_in(directory: &std::path::Path, main: &str) -> Config {
        let port = free_port();
        let rtp = format!("address = \"127.0.0.1\"\nport_min = {port}\nport_max = {}", port + 101);
        let main = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[sip]\nlisteners = [{{ address = \"127.0.0.1:0\" }}]\n[rtp]\n{rtp}\n{main}"
        );
        std::fs::write(directory.join("lull.toml"), main).unwrap();
        let sources = Sources { file: Some(directory.join("lull.toml")), ..Sources::default() };
        load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"))
    }

    #[test]
    fn a_sound_installation_has_no_errors_and_every_finding_with_a_fault_has_advice() {
        let directory = tempfile::tempdir().unwrap();
        let findings = examine(&config_in(directory.path(), ""), now(), false);
        assert_eq!(codes(&findings, Level::Error), Vec::<&str>::new(), "{findings:#?}");
        assert!(findings.len() >= 8, "{findings:#?}");
        for finding in &findings {
            assert_eq!(finding.advice.is_empty(), finding.level == Level::Ok, "{finding:?}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "the probe file is removed");
    }

    #[test]
    fn missing_files_and_a_clock_from_the_past_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let config = config_in(directory.path(), "[data]\ndirectory = \"nowhere\"\n[prompts]\nhold = \"hold.wav\"\n");
        let findings = examine(&config, Timestamp::from_millis(1_000_000_000_000), false);
        let errors = codes(&findings, Level::Error);
        for code in ["clock_wrong", "data_directory", "prompt_unreadable"] {
            assert!(errors.contains(&code), "{code} is not among {errors:?}");
        }
        assert_eq!(worst(&findings), Level::Error);
    }

    #[test]
    fn recordings_that_cannot_be_kept_are_an_error_and_the_room_for_them_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config_in(directory.path(), "");
        let of =
            |config: &Config| examine(config, now(), false).into_iter().find(|f| f.subject == "recordings").unwrap();
        let made = of(&config);
        assert!(made.level == Level::Ok && made.says.contains("will be made"), "{made:?}");
        std::fs::create_dir(&config.data.recordings).unwrap();
        let there = of(&config);
        assert!(there.code.starts_with("recordings") && there.says.contains(" hours of calls"), "{there:?}");
        assert_eq!(std::fs::read_dir(&config.data.recordings).unwrap().count(), 0, "the probe is removed");
        config.data.recordings = directory.path().join("lull.toml");
        assert_eq!((of(&config).level, of(&config).code.as_str()), (Level::Error, "recordings"));
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_unless_the_service_runs() {
        let directory = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = config_in(directory.path(), "");
        config.http.listen = taken.local_addr().unwrap();
        assert!(codes(&examine(&config, now(), false), Level::Error).contains(&"port_taken"));
        assert!(!codes(&examine(&config, now(), true), Level::Error).contains(&"port_taken"));
    }
}
