//! What runs for the image of a container, where there are no containers.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

/// What runs for each image. One that is not named waits for ever, as `pause` does.
#[derive(Debug, Clone, Default)]
pub struct Images {
    programs: BTreeMap<String, Vec<String>>,
}

/// What one image stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Image {
    /// Waits, and ends when it is asked to.
    Waits,
    /// Cannot be pulled.
    Absent,
    /// Runs this command.
    Runs(Vec<String>),
}

/// `IMAGE=COMMAND`; an image without a command cannot be pulled.
#[derive(Debug, Clone)]
pub struct Named {
    image: String,
    command: Vec<String>,
}

impl FromStr for Named {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (image, command) = text.split_once('=').context("write IMAGE=COMMAND")?;
        ensure!(!image.is_empty(), "write IMAGE=COMMAND");
        Ok(Self { image: image.to_owned(), command: shell_words::split(command)? })
    }
}

impl Images {
    /// Those of a TOML file, `"IMAGE" = "COMMAND"` a line, and the named ones, which
    /// win.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(file: Option<&Path>, named: Vec<Named>) -> Result<Self> {
        let mut programs = BTreeMap::new();
        if let Some(file) = file {
            let read = || -> Result<BTreeMap<String, String>> {
                Ok(toml::from_str(&std::fs::read_to_string(file)?)?)
            };
            let lines = read().with_context(|| format!("{} cannot be read", file.display()))?;
            for (image, command) in lines {
                programs.insert(image, shell_words::split(&command)?);
            }
        }
        programs.extend(named.into_iter().map(|named| (named.image, named.command)));
        for program in programs.values().filter_map(|command| command.first()) {
            if program.contains('/') && !Path::new(program).is_file() {
                bail!("there is no program {program}");
            }
        }
        Ok(Self { programs })
    }

    pub(super) fn of(&self, name: &str) -> Image {
        match self.programs.get(name) {
            None => Image::Waits,
            Some(command) if command.is_empty() => Image::Absent,
            Some(command) => Image::Runs(command.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_waits_runs_a_command_or_is_absent() {
        let named = ["shop:1=sh -c 'sleep 1'", "shop:2="].map(|text| text.parse().unwrap());
        let images = Images::new(None, named.into()).unwrap();
        let command = ["sh", "-c", "sleep 1"].map(str::to_owned).to_vec();
        assert_eq!(images.of("shop:1"), Image::Runs(command));
        assert_eq!(images.of("shop:2"), Image::Absent);
        assert_eq!(images.of("shop:3"), Image::Waits);
        assert!("shop".parse::<Named>().is_err() && "=sh".parse::<Named>().is_err());
    }

    #[test]
    fn a_file_names_images_and_flags_win() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\"a:1\" = \"one\"\n\"a:2\" = \"two\"\n").unwrap();
        let named = vec!["a:2=three".parse().unwrap()];
        let images = Images::new(Some(file.path()), named).unwrap();
        assert_eq!(images.of("a:1"), Image::Runs(vec!["one".to_owned()]));
        assert_eq!(images.of("a:2"), Image::Runs(vec!["three".to_owned()]));
        let absent = vec!["a:3=/no/such/program".parse().unwrap()];
        assert!(Images::new(None, absent).unwrap_err().to_string().contains("/no/such/program"));
    }
}
