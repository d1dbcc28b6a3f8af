//! Connections over TLS, to servers that ask for a certificate and to servers that do not.

use crate::servers::{Make, Pair, Server, probe, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Certificates in files: `ca.pem`, `other.pem`, `cert.pem` with `key.pem`.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Certificates {
        let certificates = Certificates(tempfile::tempdir().expect("a temporary folder"));
        let write =
            |name: &str, pem: &str| std::fs::write(certificates.path(name), pem).expect("it can be written");
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).expect("no names");
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().expect("a key");
            let authority = CertifiedIssuer::self_signed(params, key).expect("it signs itself");
            write(name, &authority.pem());
            authority
        };
        let (ours, _other) = (authority("ca.pem"), authority("other.pem"));
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let own = params.signed_by(&key, &ours).expect("the authority signs");
        write("cert.pem", &own.pem());
        write("key.pem", &key.serialize_pem());
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.0.path()).join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Has the server speak TLS on a further port, and returns its address there.
    fn serve(&self, server: &Server, auth_clients: &str) -> String {
        until("a free port", || {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
            let mut set = redis::cmd("CONFIG");
            set.arg("SET").arg("tls-port").arg(free.port()).arg("tls-auth-clients").arg(auth_clients);
            for (option, name) in
                [("tls-cert-file", "cert.pem"), ("tls-key-file", "key.pem"), ("tls-ca-cert-file", "ca.pem")]
            {
                set.arg(option).arg(self.text(name));
            }
            // It is refused if another process has taken the port.
            set.query::<String>(&mut server.connect()).ok().map(|_| format!("127.0.0.1:{}", free.port()))
        })
    }
}

#[test]
fn nodes_over_tls_are_compared_if_their_certificates_are_trusted() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let certificates = Certificates::new();
    pair.master.run("SET key value");
    pair.settle();
    pair.replica.run("SET extra value");
    let [ca, other, cert, key] = ["ca.pem", "other.pem", "cert.pem", "key.pem"].map(|n| certificates.text(n));
    let own = ["--cert", &cert, "--key", &key];
    // Exit code 1: the extra key was found.
    let cases: &[(&str, &[&str], i32, &str)] = &[
        ("no", &["--tls", "--cacert", &ca], 1, "extra_key"),
        ("no", &["--tls", "--cacert", &other], 3, "UnknownIssuer"),
        ("no", &["--tls"], 3, "UnknownIssuer"),
        ("no", &["--tls", "--cacert", &key], 3, "cannot be reached"),
        ("no", &[], 3, "cannot be reached"),
        ("yes", &[&["--tls", "--cacert", &ca], &own[..]].concat(), 1, "extra_key"),
        ("yes", &["--tls", "--cacert", &ca], 3, "cannot be reached"),
    ];
    for (auth_clients, options, code, said) in cases {
        let [master, replica] =
            [&pair.master, &pair.replica].map(|server| certificates.serve(server, auth_clients));
        let nodes = ["--master", &master, "--replica", &replica];
        let output = probe(&[&nodes, *options].concat());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(*code), "{auth_clients} {options:?}: {text}");
        assert!(text.contains(said), "{auth_clients} {options:?}: {text}");
    }
    let plain = probe(&["--master", &pair.master.address(), "--replica", &pair.replica.address(), "--tls"]);
    assert_eq!(plain.status.code(), Some(3), "a port without TLS");
}
