//! Installing packages from registries that are on the disk.

use super::*;

/// A repository on the disk with one package for each registry, and the
/// settings that lead there.
struct Shelf {
    folder: tempfile::TempDir,
    settings: String,
}

/// A wheel needs no more than a module, and what it says of itself.
const WHEEL: &str = "
import base64, hashlib, sys, zipfile
files = {
    'shelved.py': 'def main(): print(\"shelved 1.0\")\\n',
    'shelved-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\\nName: shelved\\nVersion: 1.0\\n',
    'shelved-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    'shelved-1.0.dist-info/entry_points.txt': '[console_scripts]\\nshelved = shelved:main\\n',
}
digest = lambda b: base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b'=').decode()
record = ''.join(f'{n},sha256={digest(t.encode())},{len(t)}\\n' for n, t in files.items())
files['shelved-1.0.dist-info/RECORD'] = record + 'shelved-1.0.dist-info/RECORD,,\\n'
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest(), end='')
";

/// A program that needs a file which its own build would have made.
const MODULE: &str = "
import sys, zipfile
files = {
    'go.mod': 'module example.com/shelved\\n\\ngo 1.20\\n',
    'cmd/shelved/main.go': '''
package main

import (
    _ \"embed\"
    \"fmt\"
)

//go:embed made.txt
var made string

func main() { fmt.Print(\"shelved \", made) }
''',
}
with zipfile.ZipFile(sys.argv[1], 'w') as module:
    for name, text in files.items():
        module.writestr('example.com/shelved@v1.0.0/' + name, text)
";

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let settings = format!(
            "export PIP_NO_INDEX=1 PIP_FIND_LINKS={at}/pypi\n\
             export GOPROXY=file://{at}/go GONOSUMDB='*' GOMODCACHE={at}/modules\n\
             export GOCACHE={at}/built GOFLAGS=-modcacherw\n"
        );
        Self { folder, settings }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn turn(&self) -> File {
        let path = self.folder.path().join("turn");
        File::options().create(true).append(true).read(true).open(path).unwrap()
    }

    /// A package with its lock; `None` where Python cannot make a virtual
    /// environment.
    fn wheel(&self) -> Option<Package> {
        if !PYTHON.is_installed() {
            eprintln!("SKIPPED: python3 has no venv; `apt-get install python3-venv` brings it");
            return None;
        }
        fs::create_dir_all(self.folder.path().join("pypi")).unwrap();
        let wheel = self.folder.path().join("pypi/shelved-1.0-py3-none-any.whl");
        let sum = said(Command::new("python3").args(["-c", WHEEL]).arg(wheel));
        Some(package(Registry::Pypi, format!("shelved==1.0 --hash=sha256:{sum}\n"), "bin/shelved"))
    }

    /// A jar, and a Maven that has it.
    fn jar(&self) -> Package {
        let maven = self.folder.path().join("maven");
        fs::create_dir_all(&maven).unwrap();
        let jar = maven.join("shelved-1.0.jar");
        fs::write(&jar, "a jar").unwrap();
        let sum = said(Command::new("sha256sum").arg(jar));
        let sum = sum.split(' ').next().unwrap();
        let script = "#!/bin/sh\nfor word; do :; done\ngrep -q 'a pom' pom.xml\n\
                      cp \"${0%/*}\"/*.jar \"${word#-DoutputDirectory=}\"\n";
        fs::write(maven.join("mvn"), script).unwrap();
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(maven.join("mvn"), all).unwrap();
        let registry = Registry::Maven { pom: "a pom", by_hand: "" };
        package(registry, format!("{sum}  shelved-1.0.jar\n"), ".")
    }

    /// A module with a program; `None` where there is no Go. The folder of the
    /// proxy is laid out as Go asks for it.
    fn module(&self) -> Option<Package> {
        let Some(go) = GO.find() else {
            eprintln!("SKIPPED: {}", GO.missing());
            return None;
        };
        let at = self.folder.path().join("go/example.com/shelved/@v");
        fs::create_dir_all(&at).unwrap();
        let info = r#"{"Version":"v1.0.0"}"#;
        for (name, text) in [("mod", "module example.com/shelved\n\ngo 1.20\n"), ("info", info)] {
            fs::write(at.join(format!("v1.0.0.{name}")), text).unwrap();
        }
        let zip = at.join("v1.0.0.zip");
        said(Command::new("python3").args(["-c", MODULE]).arg(&zip));
        let script = format!(
            "{}\"$1\" mod download -json example.com/shelved@v1.0.0 | grep '\"Sum\"' | cut -d '\"' -f 4",
            self.settings
        );
        let mut ask = Command::new("sh");
        let sum = said(ask.args(["-c", &script, "sh"]).arg(go).current_dir("/"));
        let sum = sum.trim();
        assert!(sum.starts_with("h1:"), "{sum}");
        let lock = format!(
            "example.com/shelved v1.0.0 {sum}\ncmd/shelved some_tag\ncmd/shelved/made.txt 1.0\n"
        );
        Some(package(Registry::Go, lock, "bin/shelved"))
    }

    fn install(&self, package: &Package) -> Result<(), String> {
        let tool = match package.registry {
            Registry::Maven { .. } => self.folder.path().join("maven/mvn"),
            other => other.tool().and_then(Need::find).unwrap_or_default(),
        };
        package.install_with(&tool, &self.settings, &self.cache(), &self.turn(), &mut |_| ())
    }
}

fn package(registry: Registry, lock: String, program: &'static str) -> Package {
    Package { registry, name: "shelved", version: "1.0", lock: lock.leak(), program }
}

#[test]
fn a_package_of_pypi_is_installed_with_its_program() {
    let shelf = Shelf::new();
    let Some(package) = shelf.wheel() else { return };
    assert_eq!(package.find(&shelf.cache()), None);
    shelf.install(&package).unwrap();
    let program = package.find(&shelf.cache()).unwrap();
    assert_eq!(said(&mut Command::new(program)), "shelved 1.0\n");
}

#[test]
fn files_of_maven_are_installed_side_by_side() {
    let shelf = Shelf::new();
    let package = shelf.jar();
    shelf.install(&package).unwrap();
    let folder = package.find(&shelf.cache()).unwrap();
    assert_eq!(fs::read_to_string(folder.join("shelved-1.0.jar")).unwrap(), "a jar");
}

#[test]
fn a_program_of_go_is_built_from_its_module_with_what_is_missing_there() {
    let shelf = Shelf::new();
    let Some(package) = shelf.module() else { return };
    assert_eq!(package.find(&shelf.cache()), None);
    shelf.install(&package).unwrap();
    let program = package.find(&shelf.cache()).unwrap();
    assert_eq!(said(&mut Command::new(program)), "shelved 1.0\n");

    let lock = package.lock.replacen("h1:", "h1:x", 1);
    let other = Package { lock: lock.leak(), ..package };
    let reason = shelf.install(&other).unwrap_err();
    assert!(reason.contains("the lock says h1:x"), "{reason}");
    assert_eq!(other.find(&shelf.cache()), None);
}

#[test]
fn what_is_not_what_the_lock_says_is_not_installed() {
    let shelf = Shelf::new();
    for package in [shelf.wheel(), Some(shelf.jar())].into_iter().flatten() {
        let sum = package.lock.split(['\n', ' ', ':']).find(|word| word.len() == 64).unwrap();
        let lock = package.lock.replace(sum, &"0".repeat(64));
        let other = Package { lock: lock.leak(), ..package };
        let reason = shelf.install(&other).unwrap_err();
        assert!(reason.contains("shelved 1.0"), "{reason}");
        assert_eq!(other.find(&shelf.cache()), None);
    }
}

#[test]
fn a_jar_that_the_lock_does_not_know_is_not_let_in() {
    let shelf = Shelf::new();
    let package = shelf.jar();
    fs::write(shelf.folder.path().join("maven/stowaway-2.0.jar"), "another").unwrap();
    let reason = shelf.install(&package).unwrap_err();
    assert!(reason.contains("stowaway-2.0.jar came along"), "{reason}");
    assert_eq!(package.find(&shelf.cache()), None);
}

#[test]
fn what_cannot_be_reached_is_an_error_and_leaves_nothing_that_counts() {
    let shelf = Shelf::new();
    let package = shelf.jar();
    fs::remove_file(shelf.folder.path().join("maven/shelved-1.0.jar")).unwrap();
    assert!(shelf.install(&package).is_err());
    assert_eq!(package.find(&shelf.cache()), None);
}

#[test]
fn what_a_killed_installation_left_does_not_count_and_is_made_anew() {
    let shelf = Shelf::new();
    let package = shelf.jar();
    shelf.install(&package).unwrap();
    let folder = package.find(&shelf.cache()).unwrap();
    fs::remove_file(folder.join(MARK)).unwrap();
    fs::write(folder.join("half"), "half a jar").unwrap();
    assert_eq!(package.find(&shelf.cache()), None);
    shelf.install(&package).unwrap();
    let folder = package.find(&shelf.cache()).unwrap();
    assert!(!folder.join("half").exists());
}

#[test]
fn another_lock_of_the_same_version_is_another_package() {
    let shelf = Shelf::new();
    let package = shelf.jar();
    shelf.install(&package).unwrap();
    let more = format!("{}\n", package.lock);
    let other = Package { lock: more.leak(), ..package };
    assert_eq!(other.find(&shelf.cache()), None);
}

#[test]
#[ignore = "reaches PyPI"]
fn a_package_of_the_real_pypi() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new();
    let package = Package {
        registry: Registry::Pypi,
        name: "pycowsay",
        version: "0.0.0.2",
        lock: include_str!("pycowsay.txt"),
        program: "bin/pycowsay",
    };
    package.install(folder.path(), &shelf.turn(), &mut |line| println!("{line}")).unwrap();
    let program = package.find(folder.path()).unwrap();
    assert!(said(Command::new(program).arg("moo")).contains("moo"));
}
