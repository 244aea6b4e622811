//! `[metrics]`: where a collector on this box may ask for them.

use std::net::SocketAddr;

use super::reader::Section;

const ALLOWED: &str = "a loopback address and a port, such as \"127.0.0.1:9464\": whoever reaches it may read it, so \
    it is for programs on this box";

/// `None`: no port is opened for it.
pub(super) fn read(root: &Section<'_>) -> Option<SocketAddr> {
    let section = root.section("metrics")?;
    let here = |text: &str| {
        let address = text.parse::<SocketAddr>().ok();
        address.filter(|a| a.ip().to_canonical().is_loopback() && a.port() != 0)
    };
    section.required("listen", ALLOWED, here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{problems, read as read_text};

    #[test]
    fn only_this_box_may_ask() {
        let listen = |text: &str| read_text(text, read);
        assert_eq!(listen(""), None);
        for fine in ["127.0.0.1:9464", "[::1]:9464"] {
            let text = format!("[metrics]\nlisten = \"{fine}\"\n");
            assert_eq!(listen(&text), Some(fine.parse().unwrap()));
        }
        for odd in [
            "0.0.0.0:9464",
            "192.168.1.2:9464",
            "[::]:9464",
            "127.0.0.1",
            "127.0.0.1:0",
            "9464",
        ] {
            let told = problems(&format!("[metrics]\nlisten = \"{odd}\"\n"), |root| {
                read(root);
            });
            assert_eq!(told.len(), 1, "{odd}: {told:?}");
            assert!(
                told[0].contains("must be a loopback address and a port"),
                "{told:?}"
            );
        }
        let told = problems("[metrics]\n", |root| {
            read(root);
        });
        assert!(told[0].contains("metrics.listen: is missing"), "{told:?}");
    }
}
