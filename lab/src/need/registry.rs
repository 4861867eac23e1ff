//! Installing a pinned package of a registry into the cache folder, without
//! root.
//!
//! A package has a folder `NAME-VERSION` of its own. It counts as installed when
//! its mark is there, a copy of the lock that it was installed by, which the
//! installation puts there last and at once. What a killed installation has left
//! has no mark; the next one makes it anew. Every file is checked against its
//! checksum in the lock.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::script::Runner;
use super::{Need, Way};

/// The last step of every installation, so that it comes to its end even if
/// whoever started it is gone.
const MARK: &str = "complete";

/// A package and where its program is then.
#[derive(Debug)]
pub struct Package {
    /// Who has it.
    pub registry: Registry,
    /// As the registry names it.
    pub name: &'static str,
    /// The only version that is installed.
    pub version: &'static str,
    /// Every file that is installed with its checksum: of PyPI a requirements
    /// file with `--hash=sha256:…`, of Maven lines of a SHA-256 in hexadecimal
    /// digits and a path of the repository. Of Go a line of the module, its version
    /// and the checksum that Go knows it by, then one of the program's folder in it
    /// and its build tags (see `registry/go.sh`); what the module needs is checked by
    /// its `go.sum`.
    pub lock: &'static str,
    /// The program in the package's folder: `bin/NAME`, or `.` for the folder.
    pub program: &'static str,
}

/// A registry of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// Python's: the package is installed into a virtual environment. pip's own
    /// settings apply, such as `PIP_INDEX_URL`.
    Pypi,
    /// Java's: the files are put side by side. `MAVEN_REPOSITORY` names another
    /// one than Maven Central.
    Maven,
    /// Go's: the program is built from its modules. Go's own settings apply, such
    /// as `GOPROXY`.
    Go,
}

/// Python that can make virtual environments; Debian has that apart.
const PYTHON: Need = Need {
    program: "python3 with venv",
    ways: &[
        Way::Here { variable: "SHAKEDOWN_PYTHON_BIN", find: python },
        Way::Apt { package: "python3-venv" },
    ],
};
/// Nobody installs a toolchain for it.
const GO: Need =
    Need { program: "go", ways: &[Way::Here { variable: "SHAKEDOWN_GO_BIN", find: go }] };

fn python(folder: Option<&OsStr>) -> Option<PathBuf> {
    let python = super::program("python3", folder)?;
    let mut look = Command::new(&python);
    look.args(["-c", "import venv, ensurepip"]).stdin(Stdio::null());
    let can = look.stdout(Stdio::null()).stderr(Stdio::null()).status();
    can.is_ok_and(|status| status.success()).then_some(python)
}

fn go(folder: Option<&OsStr>) -> Option<PathBuf> {
    let usual = Path::new("/usr/local/go/bin").as_os_str();
    let found = super::program("go", folder);
    found.or_else(|| folder.is_none().then(|| super::program("go", Some(usual)))?)
}

impl Registry {
    /// The program that it is asked with, unless every machine has it.
    pub(super) fn tool(self) -> Option<&'static Need> {
        match self {
            Self::Pypi => Some(&PYTHON),
            Self::Maven => None,
            Self::Go => Some(&GO),
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Pypi => include_str!("registry/pypi.sh"),
            Self::Maven => include_str!("registry/maven.sh"),
            Self::Go => include_str!("registry/go.sh"),
        }
    }
}

impl Package {
    /// The program, if the package is wholly installed and by this lock.
    pub(super) fn find(&self, cache: &Path) -> Option<PathBuf> {
        let folder = self.folder(cache);
        let mark = fs::read_to_string(folder.join(MARK)).ok()?;
        (mark == self.lock).then(|| folder.join(self.program)).filter(|program| program.exists())
    }

    /// A command that does the same by hand, but into a folder of the user's.
    pub(super) fn command(&self) -> String {
        let Self { name, version, .. } = self;
        match self.registry {
            Registry::Pypi => {
                format!("python3 -m venv ~/{name} && ~/{name}/bin/pip install {name}=={version}")
            }
            Registry::Maven => {
                let urls = self.lock.lines().filter_map(|line| line.split_whitespace().nth(1));
                let urls = urls.map(|path| format!("https://repo1.maven.org/maven2/{path}"));
                let urls = urls.collect::<Vec<_>>().join(" ");
                format!("mkdir -p ~/{name} && cd ~/{name} && curl -fL --remote-name-all {urls}")
            }
            Registry::Go => {
                let mut lines = self.lock.lines().filter_map(|line| line.split_once(' '));
                let [(module, _), (package, tags)] =
                    [lines.next(), lines.next()].map(Option::unwrap_or_default);
                let files: String =
                    lines.map(|(file, text)| format!("echo {text} > {file} && ")).collect();
                format!(
                    "cp -r \"$(go mod download -json {module}@v{version} | grep '\"Dir\"' | cut -d '\"' -f 4)\" ~/{name} && chmod -R u+w ~/{name} && cd ~/{name} && {files}go build -tags {tags} ./{package}"
                )
            }
        }
    }

    /// Installs it; the error is in words. `turn` keeps others from installing
    /// for as long as the installation goes on, whatever becomes of us.
    pub(super) fn install(
        &self,
        cache: &Path,
        turn: &File,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        self.install_with("", cache, turn, progress)
    }

    fn install_with(
        &self,
        settings: &str,
        cache: &Path,
        turn: &File,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let folder = self.folder(cache);
        let lock = folder.with_added_extension("lock");
        fs::create_dir_all(cache)
            .and_then(|()| fs::write(&lock, self.lock))
            .map_err(|error| format!("{} cannot be written: {error}", lock.display()))?;
        let script = [
            settings,
            "set -eu\nfolder=$1 lock=$2 tool=$3\nrm -rf \"$folder\"\nmkdir \"$folder\"\n",
            self.registry.script(),
            // A mark that outlives a crash of the machine is no lie.
            "sync -f \"$folder\"\nmv \"$lock\" \"$folder/",
            MARK,
            "\"\n",
        ];
        let tool = self.registry.tool().and_then(Need::find).unwrap_or_default();
        let paths = [&folder, &lock, &tool].map(|path| path.to_string_lossy().into_owned());
        let words = paths.each_ref().map(String::as_str);
        Runner::Direct
            .run(&script.concat(), &words, turn, progress)
            .map_err(|reason| format!("{} {}: {reason}", self.name, self.version))
    }

    fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-{}", self.name, self.version))
    }
}

#[cfg(test)]
mod tests {
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
                "export PIP_NO_INDEX=1 PIP_FIND_LINKS={at}/pypi MAVEN_REPOSITORY=file://{at}/maven\n\
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
            Some(package(
                Registry::Pypi,
                format!("shelved==1.0 --hash=sha256:{sum}\n"),
                "bin/shelved",
            ))
        }

        fn jar(&self) -> Package {
            let jar = self.folder.path().join("maven/org/shelved/1.0/shelved-1.0.jar");
            fs::create_dir_all(jar.parent().unwrap()).unwrap();
            fs::write(&jar, "a jar").unwrap();
            let sum = said(Command::new("sha256sum").arg(jar));
            let sum = sum.split(' ').next().unwrap();
            package(Registry::Maven, format!("{sum}  org/shelved/1.0/shelved-1.0.jar\n"), ".")
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
            for (name, text) in [("mod", "module example.com/shelved\n\ngo 1.20\n"), ("info", info)]
            {
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
            package.install_with(&self.settings, &self.cache(), &self.turn(), &mut |_| ())
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
    fn what_cannot_be_reached_is_an_error_and_leaves_nothing_that_counts() {
        let shelf = Shelf::new();
        let package = shelf.jar();
        fs::remove_dir_all(shelf.folder.path().join("maven")).unwrap();
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
            lock: include_str!("registry/pycowsay.txt"),
            program: "bin/pycowsay",
        };
        package.install(folder.path(), &shelf.turn(), &mut |line| println!("{line}")).unwrap();
        let program = package.find(folder.path()).unwrap();
        assert!(said(Command::new(program).arg("moo")).contains("moo"));
    }
}
