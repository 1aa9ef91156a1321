//! Recording files: G.711 in WAV, two channels, playable even if the writer never finished.
//!
//! Whether one was finished is said by its header alone: `fact` counts a sample fewer than there is until then. Players read on to the
//! end of `data` all the same. Not a thread and not a queue; [`super::record`] has those. Not hound, which writes only PCM:
//! keeping the law halves the disk and costs no decoding. Read [`TwoChannelWav`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::g711::{Law, SAMPLE_RATE_HZ};

/// Bytes before the samples: RIFF 12, fmt 8 + 18, fact 8 + 4, data 8.
pub const HEADER_LEN: usize = 58;
/// How much audio is held back so that late packets find their place: one second.
const WINDOW_SAMPLES: u64 = 8_000;
/// How often the sizes in the header are brought up to date: what a crash can hide from strict players.
const HEADER_EVERY_SAMPLES: u64 = 5 * 8_000;
/// The longest recording: 24 hours, 1.4 GB, still far from WAV's 4 GB.
const SAMPLES_MAX: u64 = 24 * 3_600 * 8_000;

/// Which side of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// What the leg said.
    Heard,
    /// What the leg was sent: prompts and the other party.
    Sent,
}

/// A recording that is being written: left what the leg said, right what it heard.
///
/// Audio is placed by its position in samples since the start; gaps are silence, what comes more than a second late is
/// dropped and counted.
#[derive(Debug)]
pub struct TwoChannelWav<F> {
    file: F,
    law: Law,
    /// Interleaved samples from position `begin` on.
    window: Vec<u8>,
    begin: u64,
    header_at: u64,
    late: u64,
}

/// A finished recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Length in samples of one channel.
    pub samples: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Pieces of audio that came too late to be placed.
    pub late: u64,
    /// SHA-256 over the whole file.
    pub sha256: [u8; 32],
}

/// Something whose contents can be forced to the disk.
pub trait ToDisk {
    /// Returns when all that was written is there.
    ///
    /// # Errors
    /// The disk does not take it.
    fn to_disk(&mut self) -> io::Result<()>;
}

impl ToDisk for File {
    fn to_disk(&mut self) -> io::Result<()> {
        // The length is among the data; times are not, and nobody asks for them.
        self.sync_data()
    }
}

impl TwoChannelWav<File> {
    /// Creates the file; one that exists is never overwritten.
    pub fn create(path: &Path, law: Law) -> io::Result<TwoChannelWav<File>> {
        TwoChannelWav::start(OpenOptions::new().read(true).write(true).create_new(true).open(path)?, law)
    }
}

impl<F: Read + Write + Seek> TwoChannelWav<F> {
    /// Writes the header of an empty recording.
    pub fn start(mut file: F, law: Law) -> io::Result<TwoChannelWav<F>> {
        file.write_all(&header(law, 0, Ended::No))?;
        Ok(TwoChannelWav { file, law, window: Vec::new(), begin: 0, header_at: 0, late: 0 })
    }

    /// Places audio, which must be in the file's law, at a position of one channel.
    pub fn place(&mut self, channel: Channel, at: u64, audio: &[u8]) -> io::Result<()> {
        let end = at.saturating_add(audio.len() as u64);
        if at < self.begin || end > SAMPLES_MAX {
            self.late += 1;
            return Ok(());
        }
        if end > self.begin + 2 * WINDOW_SAMPLES {
            self.write_until(end - WINDOW_SAMPLES)?;
        }
        if at < self.begin {
            self.late += 1; // one piece longer than the window
            return Ok(());
        }
        let needed = ((end - self.begin) * 2) as usize;
        if self.window.len() < needed {
            self.window.resize(needed, self.law.silence());
        }
        let first = ((at - self.begin) * 2) as usize + usize::from(channel == Channel::Sent);
        for (place, byte) in self.window[first..].iter_mut().step_by(2).zip(audio) {
            *place = *byte;
        }
        Ok(())
    }

    /// Writes what is left, has the header say that this is all, and hashes the file. On return it is on the disk: the audio went
    /// there before the header did, so that after a power cut no file says that it is complete which is not.
    pub fn finish(mut self) -> io::Result<Finished>
    where
        F: ToDisk,
    {
        let samples = self.begin + (self.window.len() / 2) as u64;
        self.write_until(samples)?;
        self.file.to_disk()?;
        self.write_header(Ended::Yes)?;
        self.file.to_disk()?;
        self.file.seek(SeekFrom::Start(0))?;
        let (bytes, sha256) = hash(&mut self.file)?;
        Ok(Finished { samples, bytes, late: self.late, sha256 })
    }

    /// Writes everything before a position, silence where nothing was placed.
    fn write_until(&mut self, position: u64) -> io::Result<()> {
        let wanted = ((position - self.begin) * 2) as usize;
        let held = self.window.len().min(wanted);
        self.file.write_all(&self.window[..held])?;
        self.window.drain(..held);
        let silence = [self.law.silence(); 4 * 1024];
        let mut gap = wanted - held;
        while gap > 0 {
            let piece = gap.min(silence.len());
            self.file.write_all(&silence[..piece])?;
            gap -= piece;
        }
        self.begin = position;
        if self.begin - self.header_at >= HEADER_EVERY_SAMPLES {
            self.write_header(Ended::No)?;
        }
        Ok(())
    }

    fn write_header(&mut self, ended: Ended) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(self.law, self.begin, ended))?;
        self.file.seek(SeekFrom::End(0))?;
        self.header_at = self.begin;
        Ok(())
    }
}

/// What a file holds whose writer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Length in samples of one channel.
    pub samples: u64,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 over the whole file.
    pub sha256: [u8; 32],
    /// Its writer finished it. What was mended never says so, however often it is looked at.
    pub finished: bool,
}

/// Looks at a recording whose writer is gone, and has its header say all that is there, on the disk. `None`: there is no
/// audio in it, or it is no recording.
///
/// # Errors
/// It cannot be opened, read or written.
pub fn mend(path: &Path) -> io::Result<Option<Mended>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let file_length = file.metadata()?.len();
    let Some(samples) = file_length.checked_sub(HEADER_LEN as u64).map(|data| data / 2) else {
        return Ok(None);
    };
    let mut found = [0; HEADER_LEN];
    file.read_exact(&mut found)?;
    // The law is in the header from its first byte on.
    let law = [Law::A, Law::Mu].into_iter().find(|law| found[8..38] == header(*law, 0, Ended::No)[8..38]);
    let (Some(law), 1..=SAMPLES_MAX) = (law, samples) else { return Ok(None) };
    let length = HEADER_LEN as u64 + 2 * samples;
    let says = |ended| found == header(law, samples, ended) && file_length == length;
    let finished = says(Ended::Yes);
    if !finished && !says(Ended::No) {
        file.set_len(length)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(law, samples, Ended::No))?;
    }
    // Also what is in order: whoever wrote it may have ended before it was on the disk.
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let (bytes, sha256) = hash(&mut file)?;
    Ok(Some(Mended { samples, bytes, sha256, finished }))
}

/// Length and SHA-256 of what is left to read.
///
/// # Errors
/// It cannot be read.
pub fn hash(file: &mut impl Read) -> io::Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let mut buffer = [0; 16 * 1024];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hash.finalize().into())),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// A hash in hexadecimal, as it is stored and shown.
pub fn hexadecimal(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a recording came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It is being written, or its writer was cut off.
    No,
    /// All that was recorded is in it.
    Yes,
}

/// The header of a file with this many samples per channel (RFC 2361: tags 6 and 7; non-PCM needs `fact`). Files that earlier
/// versions finished have that of one that ended.
fn header(law: Law, samples: u64, ended: Ended) -> [u8; HEADER_LEN] {
    let samples = samples as u32;
    let data = samples * 2;
    let told = match ended {
        Ended::No => samples.saturating_sub(1),
        Ended::Yes => samples,
    };
    let tag: u16 = match law {
        Law::A => 6,
        Law::Mu => 7,
    };
    let mut out = [0; HEADER_LEN];
    let mut rest = &mut out[..];
    let mut put = |bytes: &[u8]| {
        let (here, after) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        rest = after;
    };
    put(b"RIFF");
    put(&(data + HEADER_LEN as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&18u32.to_le_bytes());
    put(&tag.to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&SAMPLE_RATE_HZ.to_le_bytes());
    put(&(SAMPLE_RATE_HZ * 2).to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&8u16.to_le_bytes());
    put(&0u16.to_le_bytes());
    put(b"fact");
    put(&4u32.to_le_bytes());
    put(&told.to_le_bytes());
    put(b"data");
    put(&data.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn channel(bytes: &[u8], right: bool) -> Vec<u8> {
        bytes[HEADER_LEN..].iter().copied().skip(usize::from(right)).step_by(2).collect()
    }

    #[test]
    fn both_channels_lie_where_their_positions_say_and_gaps_are_silence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let mut wav = TwoChannelWav::create(&path, Law::A).unwrap();
        wav.place(Channel::Heard, 160, &[1; 160]).unwrap();
        wav.place(Channel::Sent, 0, &[2; 160]).unwrap();
        wav.place(Channel::Heard, 30_000, &[3; 160]).unwrap();
        wav.place(Channel::Sent, 0, &[9; 160]).unwrap();
        let finished = wav.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((finished.samples, finished.bytes, finished.late), (30_160, bytes.len() as u64, 1));
        assert_eq!(finished.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(&bytes[20..24], [6, 0, 2, 0], "A-law, two channels");
        assert_eq!((u32_at(&bytes, 4), u32_at(&bytes, 46)), (bytes.len() as u32 - 8, 30_160));
        assert_eq!(u32_at(&bytes, 54) as usize, bytes.len() - HEADER_LEN);
        let (heard, sent) = (channel(&bytes, false), channel(&bytes, true));
        assert!(heard[..160].iter().all(|byte| *byte == 0xD5) && heard[160..320].iter().all(|byte| *byte == 1));
        assert!(heard[320..30_000].iter().all(|byte| *byte == 0xD5) && heard[30_000..].iter().all(|byte| *byte == 3));
        assert!(sent[..160].iter().all(|byte| *byte == 2) && sent[160..].iter().all(|byte| *byte == 0xD5));
        assert!(TwoChannelWav::create(&path, Law::A).is_err(), "an existing recording is never overwritten");
    }

    #[test]
    fn a_recording_cut_off_by_a_crash_says_what_it_holds() {
        let mut wav = TwoChannelWav::start(Cursor::new(Vec::new()), Law::Mu).unwrap();
        for frame in 0..1_000u64 {
            wav.place(Channel::Heard, frame * 160, &[7; 160]).unwrap();
        }
        let on_disk = wav.file.into_inner(); // no finish: the process died
        let said = u32_at(&on_disk, 54) as usize;
        assert!(said <= on_disk.len() - HEADER_LEN && said >= 2 * 13 * 8_000, "{said} of 20 s");
        assert_eq!(u32_at(&on_disk, 4) as usize, said + HEADER_LEN - 8);
        assert_eq!(&on_disk[20..22], [7, 0]);
    }

    impl ToDisk for Cursor<Vec<u8>> {
        fn to_disk(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_that_was_cut_off_never_says_that_it_is_finished_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("call.wav"), folder.path().join("copy.wav"));
        let mut wav = TwoChannelWav::create(&path, Law::Mu).unwrap();
        let (mut length, mut looked, mut at_a_header) = (0, 0, 0);
        // A minute: the header is brought up to date several times, and once it says all that is there.
        for frame in 0..3_000u64 {
            wav.place(Channel::Sent, frame * 160, &[7; 160]).unwrap();
            let left = std::fs::metadata(&path).unwrap().len();
            if left == std::mem::replace(&mut length, left) {
                continue;
            }
            std::fs::copy(&path, &copy).unwrap();
            at_a_header += usize::from(wav.header_at == wav.begin);
            for _ in 0..2 {
                let mended = mend(&copy).unwrap();
                assert!(mended.is_none_or(|mended| !mended.finished), "{mended:?}");
                looked += usize::from(mended.is_some());
            }
        }
        assert!(looked > 80 && at_a_header > 5, "{looked} looked at, {at_a_header} with a full header");
        wav.finish().unwrap();
        assert!(mend(&path).unwrap().unwrap().finished);
    }

    /// A disk that loses its power: of what was written since it was last forced there, any part may be on it.
    struct Power {
        seen: Cursor<Vec<u8>>,
        on_disk: Vec<u8>,
        /// The file as it may be found after a power cut at any moment, worst of all: the new header alone.
        found: Vec<Vec<u8>>,
    }

    impl Power {
        fn cut(&mut self) {
            let seen = self.seen.get_ref();
            let mut header_alone = self.on_disk.clone();
            header_alone.resize(self.on_disk.len().max(HEADER_LEN), 0);
            header_alone[..HEADER_LEN].copy_from_slice(&seen[..HEADER_LEN]);
            let mut holes = header_alone.clone();
            holes.resize(seen.len(), 0);
            self.found.extend([self.on_disk.clone(), header_alone, holes]);
        }
    }

    impl Read for Power {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.seen.read(buffer)
        }
    }

    impl Seek for Power {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.seen.seek(to)
        }
    }

    impl Write for Power {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.seen.write(bytes)?;
            self.cut();
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ToDisk for &mut Power {
        fn to_disk(&mut self) -> io::Result<()> {
            self.on_disk = self.seen.get_ref().clone();
            self.cut();
            Ok(())
        }
    }

    #[test]
    fn after_a_power_cut_no_file_says_that_it_is_finished_which_is_not_and_once_told_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let mut power = Power { seen: Cursor::new(Vec::new()), on_disk: Vec::new(), found: Vec::new() };
        let mut wav = TwoChannelWav::start(&mut power, Law::A).unwrap();
        for frame in 0..400u64 {
            wav.place(Channel::Heard, frame * 160, &[7; 160]).unwrap();
        }
        let told = wav.finish().unwrap();
        let whole = power.seen.get_ref();
        assert_eq!(told.sha256, <[u8; 32]>::from(Sha256::digest(whole)));
        assert_eq!(&power.on_disk, whole, "whoever is told has it on the disk");
        let mut finished = 0;
        for found in &power.found {
            std::fs::write(&path, found).unwrap();
            if mend(&path).unwrap().is_some_and(|mended| mended.finished) {
                assert_eq!(found, whole);
                finished += 1;
            }
        }
        assert!(finished > 0 && power.found.len() > 10, "{finished} of {}", power.found.len());
    }

    #[test]
    fn what_a_crash_left_is_mended_to_the_last_whole_sample_and_what_is_sound_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let mut wav = TwoChannelWav::create(&path, Law::A).unwrap();
        for frame in 0..1_000u64 {
            wav.place(Channel::Heard, frame * 160, &[7; 160]).unwrap();
        }
        wav.file.write_all(&[7]).unwrap(); // half a sample, and no finish: the process died
        let left = std::fs::metadata(&path).unwrap().len();
        drop(wav);
        let mended = mend(&path).unwrap().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!mended.finished && mended.samples >= 18 * 8_000, "{mended:?}");
        assert_eq!((mended.bytes, bytes.len() as u64), (left - 1, left - 1));
        assert_eq!(bytes[..HEADER_LEN], header(Law::A, mended.samples, Ended::No));
        assert_eq!(u64::from(u32_at(&bytes, 54)), 2 * mended.samples, "players read all of it");
        assert_eq!(mended.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(mend(&path).unwrap(), Some(mended), "and nothing of it changes any more");
        for (name, holds) in [("short", &b"RIFF"[..]), ("empty", &header(Law::Mu, 0, Ended::No)), ("other", &[7; 200])]
        {
            std::fs::write(folder.path().join(name), holds).unwrap();
            assert_eq!(mend(&folder.path().join(name)).unwrap(), None, "{name}");
        }
        assert!(mend(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_position_beyond_a_day_is_dropped_and_counted() {
        let mut wav = TwoChannelWav::start(Cursor::new(Vec::new()), Law::Mu).unwrap();
        wav.place(Channel::Heard, u64::MAX - 5, &[7; 160]).unwrap();
        wav.place(Channel::Heard, 0, &[7; 8]).unwrap();
        let finished = wav.finish().unwrap();
        assert_eq!((finished.samples, finished.late, finished.bytes), (8, 1, 58 + 16));
    }

    #[test]
    fn a_full_disk_is_an_error_at_the_write() {
        let small = Cursor::new([0u8; 4_000]);
        struct Disk(Cursor<[u8; 4_000]>);
        impl Read for Disk {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
        impl Seek for Disk {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }
        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let room = 4_000 - self.0.position() as usize;
                let kept = room.min(bytes.len());
                self.0.get_mut()[4_000 - room..][..kept].copy_from_slice(&bytes[..kept]);
                self.0.set_position((4_000 - room + kept) as u64);
                if kept == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(kept) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut wav = TwoChannelWav::start(Disk(small), Law::Mu).unwrap();
        let error = (0..200).find_map(|frame| wav.place(Channel::Heard, frame * 160, &[7; 160]).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
