//! An agent's phone: baresip, which registers, answers by itself, speaks a tone and records what it hears.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::centre::Centre;
use super::child::Child;
use super::ports::audio_ports;
use super::sound::{Tone, loud_windows_of};
use super::{PHONES, SERVICE, SOON, free_port, until};

/// It ends by itself after this, should the test be killed.
const LIFE_S: &str = "150";
/// Length of what it says; at the end of the file it would hang up.
const VOICE_S: u32 = 160;
/// Bytes of a WAV file before its samples.
const WAV_HEAD: usize = 44;

/// A phone at work.
#[derive(Debug)]
pub struct Phone {
    /// The process.
    pub child: Child,
    folder: PathBuf,
}

impl Phone {
    /// Starts `seat-N` and waits until it is registered.
    #[track_caller]
    pub fn registered(centre: &Centre, seat: u32, voice_hz: f64) -> Phone {
        let phone = Phone::start(centre, seat, voice_hz, &centre.phone_password(seat));
        phone.child.until_says("200 OK", SOON);
        phone
    }

    /// Starts it.
    #[track_caller]
    pub fn start(centre: &Centre, seat: u32, voice_hz: f64, password: &str) -> Phone {
        let folder = centre.folder().join(format!("phone-{seat}"));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let voice = folder.join("voice.wav");
        if !voice.exists() {
            Tone::new(voice_hz).write(&voice, VOICE_S);
        }
        let (sip, (audio_min, audio_max)) = (free_port(), audio_ports());
        let config = format!(
            "poll_method epoll\nsip_listen {PHONES}:{sip}\ncall_local_timeout 120\ncall_max_calls 4\n\
             audio_player aubridge,ear\naudio_source aufile,{}\naudio_alert aubridge,alert\n\
             audio_srate 8000-8000\naudio_channels 1-1\nnet_interface {PHONES}\nrtp_ports {audio_min}-{audio_max}\n\
             snd_path {}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\n\
             module aubridge.so\nmodule sndfile.so\nmodule_app account.so\nmodule_app menu.so\n",
            voice.display(),
            folder.display(),
        );
        let account = format!(
            "<sip:seat-{seat}@lull.local>;auth_user=seat-{seat};auth_pass={password};\
             outbound=\"sip:{SERVICE}:{};transport=udp\";answermode=auto;regint=60\n",
            centre.sip_port
        );
        fs::write(folder.join("config"), config).expect("a file can be written");
        fs::write(folder.join("accounts"), account).expect("a file can be written");
        fs::write(folder.join("contacts"), "").expect("a file can be written");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).args(["-t", LIFE_S]);
        let child = Child::start(&format!("phone seat-{seat} (baresip)"), &mut command);
        Phone { child, folder }
    }

    /// Everything it has heard in its calls, oldest first.
    pub fn heard(&self) -> Vec<i16> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.folder)
            .expect("a folder can be read")
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        files.sort();
        let samples = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap_or_default();
            let audio = bytes.get(WAV_HEAD..).unwrap_or_default();
            audio.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect::<Vec<i16>>()
        };
        files.iter().flat_map(samples).collect()
    }

    /// Waits until the agent has heard this tone for `windows` of 50 ms after the first `since` samples.
    #[track_caller]
    pub fn until_hears(&self, hz: f64, windows: usize, since: usize) {
        until(&format!("the agent hears {hz} Hz"), Duration::from_secs(15), || {
            let heard = self.heard();
            (loud_windows_of(hz, heard.get(since..).unwrap_or_default()) >= windows).then_some(())
        });
    }
}
