//! The real servers that tests speak to, started by the scripts beside this file.
//!
//! A test program asks for one as often as it likes: it is started once, whoever asks first, and ends with
//! the program (a static is never dropped; the script's watch sees that the process is gone). A test that
//! needs one to itself, to stop it for instance, starts another. One that does not come up fails the test
//! with the end of its log.

#![allow(
    dead_code,
    reason = "each test program speaks to some of the servers only"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    script: PathBuf,
    pub directory: PathBuf,
    /// What the script told of it: HOST, PORT, USER, PASSWORD, DATABASE and more.
    told: HashMap<String, String>,
}

/// PostgreSQL, with and without TLS.
pub fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("postgres", &["--tls"]))
}

/// MariaDB, with and without TLS.
pub fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("mariadb", &["--tls"]))
}

impl Server {
    pub fn start(name: &str, options: &[&str]) -> Server {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers");
        let script = script.join(name);
        // Not in target: a database must not be root, and may not reach root's directories. And a socket's
        // path must be short.
        let directory =
            std::env::temp_dir().join(format!("ringcard-{name}-{}-{number}", std::process::id()));
        let output = Command::new(&script)
            .arg("start")
            .arg(&directory)
            .args(options)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}{said}",
            String::from_utf8_lossy(&output.stderr)
        );
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        let told = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Server {
            script,
            directory,
            told: told.collect(),
        }
    }

    pub fn told(&self, key: &str) -> &str {
        match self.told.get(key) {
            Some(value) => value,
            None => panic!("{} does not tell {key}", self.script.display()),
        }
    }

    pub fn host(&self) -> &str {
        self.told("HOST")
    }

    pub fn port(&self) -> u16 {
        self.told("PORT").parse().unwrap()
    }

    pub fn user(&self) -> &str {
        self.told("USER")
    }

    pub fn password(&self) -> &str {
        self.told("PASSWORD")
    }

    pub fn database(&self) -> &str {
        self.told("DATABASE")
    }

    /// The authority that signed the server's certificate.
    pub fn ca(&self) -> &Path {
        Path::new(self.told("CA"))
    }

    pub fn log(&self) -> String {
        let text = std::fs::read(self.told("LOG")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Has the script do something else with it: `stop` ends it for good.
    pub fn ask(&self, what: &str) {
        let status = Command::new(&self.script)
            .arg(what)
            .arg(&self.directory)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(
            status.success(),
            "{} {what}: {status}",
            self.script.display()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ask("stop");
    }
}
