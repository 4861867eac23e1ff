//! Installing a pinned package of a registry into the cache folder, without
//! root.
//!
//! A package has a folder `NAME-VERSION` of its own. It counts as installed when
//! its mark is there, a copy of the lock that it was installed by, which the
//! installation puts there last and at once. What a killed installation has left
//! has no mark; the next one makes it anew. Every file is checked against its
//! checksum in the lock.

#[cfg(test)]
mod tests;

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
    /// digits and the name of a jar. Of Go a line of the module, its version
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
    /// Java's: the jars that a pom has as its dependencies are put side by side.
    /// Maven's own settings apply, such as the mirrors of `settings.xml`.
    Maven {
        /// The text of the pom.
        pom: &'static str,
        /// A command that brings the same without Maven.
        by_hand: &'static str,
    },
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
/// Maven; Debian's brings Java along.
const MAVEN: Need = Need {
    program: "mvn",
    ways: &[Way::Here { variable: "MAVEN_HOME", find: maven }, Way::Apt { package: "maven" }],
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

fn maven(folder: Option<&OsStr>) -> Option<PathBuf> {
    let bin = folder.map(|folder| Path::new(folder).join("bin"));
    super::program("mvn", bin.as_deref().map(Path::as_os_str))
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
            Self::Maven { .. } => Some(&MAVEN),
            Self::Go => Some(&GO),
        }
    }

    fn script(self) -> [&'static str; 4] {
        match self {
            Self::Pypi => ["", "", "", include_str!("registry/pypi.sh")],
            Self::Maven { pom, .. } => {
                let file = "cat > \"$folder/pom.xml\" << 'END OF POM'\n";
                [file, pom, "\nEND OF POM\n", include_str!("registry/maven.sh")]
            }
            Self::Go => ["", "", "", include_str!("registry/go.sh")],
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
            Registry::Maven { by_hand, .. } => by_hand.to_owned(),
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
        let tool = self.registry.tool().and_then(Need::find).unwrap_or_default();
        self.install_with(&tool, "", cache, turn, progress)
    }

    fn install_with(
        &self,
        tool: &Path,
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
        let [file, text, end, install] = self.registry.script();
        let script = [
            settings,
            "set -eu\nfolder=$1 lock=$2 tool=$3\nrm -rf \"$folder\"\nmkdir \"$folder\"\n",
            file,
            text,
            end,
            install,
            // A mark that outlives a crash of the machine is no lie.
            "\nsync -f \"$folder\"\nmv \"$lock\" \"$folder/",
            MARK,
            "\"\n",
        ];
        let paths = [&folder, &lock, tool].map(|path| path.to_string_lossy().into_owned());
        let words = paths.each_ref().map(String::as_str);
        Runner::Direct
            .run(&script.concat(), &words, turn, progress)
            .map_err(|reason| format!("{} {}: {reason}", self.name, self.version))
    }

    fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-{}", self.name, self.version))
    }
}
