//! The platform's name, colour and logo, as administrators set them. What is not set is as the variables say.

use serde::{Deserialize, Serialize};

use super::{Act, Change, Entry, Input, Item, Problem, check_version, difference};
use crate::looks::{Accent, LogoName, Looks};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// What was set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// The platform's name.
    pub platform_name: Option<String>,
    /// The colour of links and buttons, `#2257c4`.
    pub accent_color: Option<String>,
    /// The name of the logo in KV.
    pub logo: Option<String>,
    /// Rises with every change; 0: nothing was ever set.
    #[serde(default)]
    pub version: u32,
}

#[derive(Deserialize)]
struct Row {
    value: String,
    version: u32,
}

impl Branding {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of("branding", self.version, self)
    }

    /// The looks of every page: what was set, and the rest as the variables have it.
    pub fn over(&self, variables: &Looks) -> Looks {
        let accent = self.accent_color.as_deref().and_then(Accent::parse);
        let logo = self.logo.as_deref().and_then(LogoName::parse);
        Looks {
            platform_name: self
                .platform_name
                .clone()
                .unwrap_or_else(|| variables.platform_name.clone()),
            accent: accent.unwrap_or(variables.accent),
            logo: logo.or_else(|| variables.logo.clone()),
        }
    }

    fn checked(mut input: Input, current: &Self) -> Result<Self, Problem> {
        let platform_name = input.line("platform_name", 60);
        let platform_name = input.optional_or("platform_name", platform_name, current.platform_name.as_ref());
        let accent = input.line("accent_color", 7);
        let accent = input.optional_or("accent_color", accent, current.accent_color.as_ref());
        if accent.as_deref().is_some_and(|colour| Accent::parse(colour).is_none()) {
            input.error("accent_color", "must be # and six hexadecimal digits: #2257c4");
        }
        // The page has forms of their own for it.
        let logo = match input.is_form() {
            true => current.logo.clone(),
            false => {
                let logo = input.line("logo", 100);
                input.optional_or("logo", logo, current.logo.as_ref())
            }
        };
        if logo.as_deref().is_some_and(|logo| LogoName::parse(logo).is_none()) {
            input.error(
                "logo",
                "must be the name of a logo that was uploaded, or put there by tools/put-logo",
            );
        }
        input.finish()?;
        Ok(Self {
            platform_name,
            accent_color: accent,
            logo,
            version: current.version + 1,
        })
    }

    /// A new logo, that must be there.
    pub fn logo_name(&self) -> Option<LogoName> {
        self.logo.as_deref().and_then(LogoName::parse)
    }
}

/// What was set.
pub async fn find(database: &impl Database) -> Result<Branding, StoreError> {
    let select = Statement::new("SELECT value, version FROM settings WHERE name = 'branding'");
    let row: Option<Row> = database.read(vec![select]).await?.first(0)?;
    let branding = row.map(|row| {
        let set = crate::json::from_str(&row.value);
        set.map(|branding: Branding| Branding {
            version: row.version,
            ..branding
        })
    });
    let branding = branding.transpose().map_err(|error| StoreError {
        part: "d1",
        detail: error.to_string(),
    })?;
    Ok(branding.unwrap_or_default())
}

/// The branding, changed as far as the input says; with the logo that must be there, if it is another one.
pub async fn edit(
    database: &impl Database,
    act: Act<'_>,
    expected: Option<u32>,
    input: Input,
) -> Result<(Change, Option<LogoName>), Problem> {
    let current = find(database).await?;
    check_version(current.version, expected)?;
    let branding = Branding::checked(input, &current)?;
    let logo = branding.logo_name().filter(|_| branding.logo != current.logo);
    Ok((save(act, &current, &branding)?, logo))
}

/// The branding with this logo, which must be there, or with none.
pub async fn with_logo(
    database: &impl Database,
    act: Act<'_>,
    expected: Option<u32>,
    logo: Option<&LogoName>,
) -> Result<Change, Problem> {
    let current = find(database).await?;
    check_version(current.version, expected)?;
    let branding = Branding {
        logo: logo.map(|logo| logo.as_str().to_owned()),
        version: current.version + 1,
        ..current.clone()
    };
    save(act, &current, &branding)
}

fn save(act: Act<'_>, current: &Branding, branding: &Branding) -> Result<Change, Problem> {
    let value = Branding {
        version: 0,
        ..branding.clone()
    };
    let value = serde_json::to_string(&value).map_err(|_| Problem::Unavailable)?;
    let entry = Entry::new("settings.changed", ("settings", "branding"));
    let statements = vec![
        Statement::require("COALESCE((SELECT version FROM settings WHERE name = 'branding'), 0) = ?1")
            .number(current.version),
        Statement::new(
            "INSERT INTO settings (name, value, updated_at) VALUES ('branding', ?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = ?1, updated_at = ?2, version = version + 1",
        )
        .text(&value)
        .time(act.now),
        act.note(&entry.with(difference(&current.item(), &branding.item()))),
    ];
    Ok(Change {
        item: branding.item(),
        statements,
        refused: Problem::Changed,
    })
}
