//! `lull-world`: the demo, and the parts of the outside world it is made of.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use lull_loadtest::sound::{Mark, Mouth, write_raw, write_wav};
use lull_loadtest::{agents, carrier, demo};

/// Shows Lull at work in a world of its own: carrier, customers, callers and agents over real SIP and RTP.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: demo::Options,
}

/// A part of the world as a process of its own. It ends when its standard input closes.
#[derive(Subcommand)]
enum Part {
    /// The carrier with its customers and callers
    Carrier {
        /// Its setup (JSON)
        #[arg(long)]
        setup: PathBuf,
    },
    /// The agents with their phones and desks
    Agents {
        /// Their setup (JSON)
        #[arg(long)]
        setup: PathBuf,
    },
    /// Write a voice to a file: for SIPp's rtp_stream, or for a phone
    Sound {
        /// Where to
        file: PathBuf,
        /// Raw µ-law or WAV
        #[arg(long, value_enum, default_value_t = Form::Raw)]
        form: Form,
        /// Who speaks: the customer of this number, an agent by index, or a machine
        #[arg(long, default_value = "agent:0")]
        voice: String,
        /// How long, in seconds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Raw,
    Wav,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.part {
        None => return demo::run(arguments.options).await,
        Some(Part::Carrier { setup }) => match read(&setup) {
            Ok(setup) => carrier::run(setup).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        },
        Some(Part::Agents { setup }) => match read(&setup) {
            Ok(setup) => {
                agents::run(setup).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Some(Part::Sound { file, form, voice, seconds }) => sound(&file, form, &voice, seconds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lull-world: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn sound(path: &std::path::Path, form: Form, voice: &str, seconds: u64) -> Result<(), String> {
    let mouth = match voice.split_once(':') {
        Some(("agent", index)) => {
            let index = index.parse().map_err(|_| format!("`{index}` is not an agent's index; expected a number"))?;
            Mouth::Talking(Mark::agent(index))
        }
        Some(("customer", number)) => Mouth::Called(Mark::customer(number)),
        Some(("caller", number)) => Mouth::Talking(Mark::customer(number)),
        None if voice == "machine" => Mouth::Machine { greeting_frames: 300 },
        None if voice == "silence" => Mouth::Silent,
        _ => {
            return Err(format!(
                "`{voice}` is not a voice; expected agent:INDEX, customer:NUMBER, caller:NUMBER, machine or silence"
            ));
        }
    };
    let mut out = Vec::new();
    let frames = seconds.saturating_mul(50).min(1_000_000);
    let rendered = match form {
        Form::Raw => write_raw(&mut out, &mouth, frames),
        Form::Wav => write_wav(&mut out, &mouth, frames),
    };
    rendered.and_then(|()| std::fs::write(path, out)).map_err(|error| format!("{}: {error}", path.display()))
}
