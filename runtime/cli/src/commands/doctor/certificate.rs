//! The TLS files: whether they are there, who may read the key, and until when the certificate is valid.
//!
//! Of a certificate only its validity is read (RFC 5280, section 4.1); whether it can be used, the server says when it starts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};

use super::Finding;

/// A certificate that ends within this many days is told.
const SOON_DAYS: i64 = 21;

pub(super) fn look(cert: Option<&Path>, key: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(cert) = cert {
        findings.push(certificate(cert, Utc::now()));
    }
    if let Some(key) = key {
        findings.push(private_key(key));
    }
    findings
}

fn private_key(path: &Path) -> Finding {
    let shown = path.display();
    let read = fs::read_to_string(path).and_then(|text| Ok((text, fs::metadata(path)?)));
    match read {
        Err(error) => Finding::error(
            "TLS key",
            format!("{shown} cannot be read: {error}"),
            "mend tls_key, or give the file to the user of the server",
        ),
        Ok((text, _)) if !text.contains("PRIVATE KEY-----") => Finding::error(
            "TLS key",
            format!("{shown} holds no private key in PEM"),
            "mend tls_key",
        ),
        Ok((_, metadata)) if metadata.permissions().mode() & 0o007 != 0 => Finding::warning(
            "TLS key",
            format!("everybody on this machine may read {shown}"),
            format!("chmod 600 {shown}"),
        ),
        Ok(_) => Finding::ok("TLS key", format!("{shown} can be read")),
    }
}

fn certificate(path: &Path, now: DateTime<Utc>) -> Finding {
    let shown = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Finding::error(
                "TLS certificate",
                format!("{shown} cannot be read: {error}"),
                "mend tls_cert, or give the file to the user of the server",
            );
        }
    };
    let Some((from, until)) = first_in_pem(&text).and_then(|der| validity(&der)) else {
        return Finding::error(
            "TLS certificate",
            format!("{shown} holds no certificate in PEM"),
            "mend tls_cert",
        );
    };
    let said = format!("{shown} is valid until {}", until.format("%F %R UTC"));
    let renew = "renew it; the server reads the file again when it changes";
    if now < from {
        Finding::error(
            "TLS certificate",
            format!("{shown} is valid only from {}", from.format("%F %R UTC")),
            "set the clock, or take the certificate that is valid now",
        )
    } else if now >= until {
        Finding::error("TLS certificate", format!("{said}: it has expired"), renew)
    } else if (until - now).num_days() < SOON_DAYS {
        Finding::warning("TLS certificate", said, renew)
    } else {
        Finding::ok("TLS certificate", said)
    }
}

fn first_in_pem(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// From when to when a certificate is valid.
fn validity(der: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, certificate, _) = element(der)?;
    let (_, mut fields, _) = element(certificate)?;
    // The version may be left out.
    if let Some((0xA0, _, rest)) = element(fields) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (0x30, validity, _) = element(fields)? else {
        return None;
    };
    let (kind, from, rest) = element(validity)?;
    let (until_kind, until, _) = element(rest)?;
    Some((time(kind, from)?, time(until_kind, until)?))
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else {
        return None;
    };
    let (len, rest) = match first {
        0..=0x7F => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            let len = bytes
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            (len, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((*tag, content, rest))
}

/// `UTCTime` has two digits of the year, of which those below 50 are in this century; `GeneralizedTime` has four.
fn time(tag: u8, text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        0x17 => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 {
                "20"
            } else {
                "19"
            };
            format!("{century}{text}")
        }
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn sequence(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let len = u8::try_from(content.len()).unwrap();
        [&[tag, 0x81, len][..], &content].concat()
    }

    /// As much of a certificate as is read.
    fn pem(from: &str, until: &str) -> String {
        let number = sequence(0x02, &[&[5]]);
        let empty = sequence(0x30, &[]);
        let times = [
            sequence(0x17, &[from.as_bytes()]),
            sequence(0x18, &[until.as_bytes()]),
        ];
        let validity = sequence(0x30, &[&times[0], &times[1]]);
        let version = sequence(0xA0, &[&number]);
        let fields = sequence(
            0x30,
            &[&version, &number, &empty, &empty, &validity, &empty],
        );
        let der = sequence(0x30, &[&fields, &empty]);
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(der)
        )
    }

    #[test]
    fn the_end_of_a_certificate_is_told_before_it_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        fs::write(&path, pem("250101000000Z", "20300101000000Z")).unwrap();
        let at = |text: &str| certificate(&path, text.parse().unwrap()).level;
        assert_eq!(at("2024-12-31T23:59:59Z"), Level::Error);
        assert_eq!(at("2025-06-01T00:00:00Z"), Level::Ok);
        assert_eq!(at("2029-12-20T00:00:00Z"), Level::Warning);
        assert_eq!(at("2030-01-01T00:00:00Z"), Level::Error);
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "letter",
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(at("2025-06-01T00:00:00Z"), Level::Error, "{text}");
        }
    }

    #[test]
    fn a_key_that_everybody_reads_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        assert_eq!(private_key(&path).level, Level::Error);
        fs::write(&path, "-----BEGIN PRIVATE KEY-----").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(private_key(&path).level, Level::Warning);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(private_key(&path).level, Level::Ok);
    }
}
