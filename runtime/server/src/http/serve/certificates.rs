//! The certificate that TLS shows, and its replacement while the server runs.
//!
//! The files are read again every few seconds: that sees a change however it was made, also through the links by which orchestrators
//! exchange secrets. A pair that is not right is not taken; the one before stays, and the log says why.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Stopping, TlsFiles};

/// Why the files of TLS are no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct TlsError {
    path: PathBuf,
    what: String,
}

impl TlsError {
    pub(super) fn new(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// The pair in force, and what the files held when they were last looked at.
pub(super) struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Contents>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What the two files held, or why they could not be read.
type Contents = Result<(Vec<u8>, Vec<u8>), TlsError>;

impl Certificates {
    /// Reads the files for the first time.
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = read(&files);
        let pair = pair(&files, &contents)?;
        Ok(Self {
            files,
            current: RwLock::new(Arc::new(pair)),
            seen: Mutex::new(contents),
        })
    }

    /// Looks at the files until the server stops.
    pub(super) async fn follow(self: Arc<Self>, every: Duration, mut stopping: Stopping) {
        loop {
            tokio::select! {
                () = stopping.stopped() => return,
                () = tokio::time::sleep(every) => {}
            }
            let looking = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || looking.refresh()).await;
            match looked {
                Ok(None) | Err(_) => {}
                Ok(Some(Ok(()))) => tracing::info!(
                    certificate = %self.files.certificate.display(),
                    "a new certificate is in force"
                ),
                Ok(Some(Err(error))) => tracing::error!(
                    %error,
                    "the changed certificate is not taken, the one before stays in force"
                ),
            }
        }
    }

    /// Takes the files' pair if they changed. Says nothing if they did not.
    fn refresh(&self) -> Option<Result<(), TlsError>> {
        let contents = read(&self.files);
        let mut seen = self.seen.lock();
        if *seen == contents {
            return None;
        }
        let taken = pair(&self.files, &contents).map(|pair| *self.current.write() = Arc::new(pair));
        *seen = contents;
        Some(taken)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

fn read(files: &TlsFiles) -> Contents {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| TlsError::new(path, format!("it cannot be read: {error}")))
    };
    Ok((read(&files.certificate)?, read(&files.key)?))
}

/// The pair that the files hold, if they belong together.
fn pair(files: &TlsFiles, contents: &Contents) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) = contents.as_ref().map_err(Clone::clone)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| {
        let what = format!("it holds no certificate that can be read: {error}");
        TlsError::new(&files.certificate, what)
    })?;
    if chain.is_empty() {
        let what = "it holds no certificate: it must be PEM, the server's own certificate first";
        return Err(TlsError::new(&files.certificate, what));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        // What is wrong may be a part of the key.
        let what =
            "it holds no private key: it must be PEM (PKCS#8, PKCS#1 or SEC1), not encrypted";
        TlsError::new(&files.key, what)
    })?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            TlsError::new(
                &files.key,
                format!("it is not the key of the certificate {certificate}"),
            )
        }
        error => TlsError::new(&files.key, format!("TLS cannot use this pair: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new pair as PEM.
    fn fresh() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_bad_new_pair_keeps_the_old_one_and_says_so_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        let write = |certificate: &str, key: &str| {
            std::fs::write(&files.certificate, certificate).expect("written");
            std::fs::write(&files.key, key).expect("written");
        };
        let says = |error: &TlsError, part: &str| {
            assert!(error.to_string().contains(part), "{error}");
        };
        let error = Certificates::load(files.clone()).expect_err("nothing is there");
        says(&error, "cert.pem: it cannot be read");
        let (first, first_key) = fresh();
        let (second, second_key) = fresh();
        write(&first, &second_key);
        let error = Certificates::load(files.clone()).expect_err("they are of two pairs");
        says(&error, "key.pem: it is not the key of");

        write(&first, &first_key);
        let certificates = Certificates::load(files.clone()).expect("a pair");
        let in_force = || certificates.current.read().cert.clone();
        let before = in_force();
        assert_eq!(certificates.refresh(), None);
        write("text", &first_key);
        says(
            &certificates.refresh().expect("a change").expect_err("bad"),
            "holds no certificate",
        );
        assert_eq!(certificates.refresh(), None, "it is told once");
        write(
            &second,
            "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n",
        );
        let error = certificates.refresh().expect("a change").expect_err("bad");
        says(&error, "TLS cannot use this pair");
        assert!(!error.to_string().contains("secret"), "{error}");
        std::fs::remove_file(&files.key).expect("removed");
        says(
            &certificates.refresh().expect("a change").expect_err("bad"),
            "cannot be read",
        );
        assert_eq!(in_force(), before);
        write(&second, &second_key);
        assert_eq!(certificates.refresh(), Some(Ok(())));
        assert_ne!(in_force(), before);
    }
}
