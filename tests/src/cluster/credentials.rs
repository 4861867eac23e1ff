//! Keys, certificates, tokens and the kubeconfig of one control plane, in its own
//! folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

/// The files of the API server.
pub(super) struct Credentials {
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// With these the tokens of service accounts are signed and verified.
    pub(super) accounts_key: PathBuf,
    pub(super) accounts_public: PathBuf,
    pub(super) tokens: PathBuf,
    /// Of a user who may do everything.
    pub(super) kubeconfig: PathBuf,
}

impl Credentials {
    pub(super) fn make(folder: &Path, port: u16) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let made = Self {
            authority: file("ca.crt"),
            certificate: file("server.crt"),
            key: file("server.key"),
            accounts_key: file("accounts.key"),
            accounts_public: file("accounts.pub"),
            tokens: file("tokens.csv"),
            kubeconfig: file("kubeconfig"),
        };
        made.certificates()?;
        let accounts = KeyPair::generate()?;
        fs::write(&made.accounts_key, accounts.serialize_pem())?;
        fs::write(&made.accounts_public, accounts.public_key_pem())?;
        let token = token()?;
        fs::write(&made.tokens, format!("{token},admin,admin,system:masters\n"))?;
        let server = format!("https://127.0.0.1:{port}");
        let kubeconfig = kubeconfig(&server, &made.authority, "admin", &token);
        fs::write(&made.kubeconfig, serde_json::to_vec_pretty(&kubeconfig)?)?;
        Ok(made)
    }

    fn certificates(&self) -> Result<()> {
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "shakedown-test-authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(&self.authority, params.self_signed(&authority_key)?.pem())?;
        let authority = Issuer::new(params, authority_key);
        let key = KeyPair::generate()?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let params = CertificateParams::new(names)?;
        fs::write(&self.certificate, params.signed_by(&key, &authority)?.pem())?;
        fs::write(&self.key, key.serialize_pem())?;
        Ok(())
    }
}

/// JSON is YAML.
fn kubeconfig(server: &str, authority: &Path, user: &str, token: &str) -> Value {
    let name = "shakedown-test";
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster":
            {"server": server, "certificate-authority": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
    })
}

fn token() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
