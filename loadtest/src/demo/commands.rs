//! The program's commands as the demo runs them: all of them, and nowhere else.
//!
//! | what | command line |
//! | --- | --- |
//! | users | `lull --config lull.toml user add LOGIN --name NAME --role ROLE [--group blend --phone seat-01] --password-stdin` |
//! | campaigns | `lull --config lull.toml campaign apply campaigns/KEY.toml` |
//! | lists | `lull --config lull.toml list import KEY lists/KEY.csv --name demo --region US --json` |
//! | service | `lull --config lull.toml serve --until-stdin-closes` |
//!
//! Passwords go through standard input: a command line can be read by everybody on the machine.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::children::Service;
use super::plan::{Campaign, Plan};
use super::settings::GROUP;
use super::{DemoError, io};

/// The program.
#[derive(Clone, Debug)]
pub struct Lull {
    program: PathBuf,
    configuration: PathBuf,
}

impl Lull {
    /// The program that was named, or the one beside this one.
    ///
    /// # Errors
    /// There is none.
    pub fn find(named: Option<PathBuf>, plan: &Plan) -> Result<Lull, DemoError> {
        let beside = || std::env::current_exe().map(|this| this.with_file_name("lull"));
        let program = named.map_or_else(beside, Ok).map_err(io("looking for the program"))?;
        let program = program.canonicalize().map_err(io(format!("looking for {}", program.display())))?;
        Ok(Lull { program, configuration: plan.folder.join("lull.toml") })
    }

    fn command(&self, plan: &Plan) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.configuration).current_dir(&plan.folder).kill_on_drop(true);
        command
    }

    /// Adds everybody.
    ///
    /// # Errors
    /// A command failed.
    pub async fn add_users(&self, plan: &Plan) -> Result<(), DemoError> {
        for login in std::iter::once(&plan.manager).chain(&plan.others) {
            let mut command = self.command(plan);
            command.args(["user", "add", &login.login, "--name", &login.name, "--role", login.role]);
            run(command.arg("--password-stdin"), Some(&login.password)).await?;
        }
        for (name, agent) in &plan.agents {
            let mut command = self.command(plan);
            command.args(["user", "add", &agent.login, "--name", name, "--role", "agent"]);
            command.args(["--group", GROUP, "--phone", &agent.phone, "--password-stdin"]);
            run(&mut command, Some(&agent.password)).await?;
        }
        Ok(())
    }

    /// Makes the campaigns known.
    ///
    /// # Errors
    /// A command failed.
    pub async fn apply_campaigns(&self, plan: &Plan) -> Result<(), DemoError> {
        for campaign in &plan.campaigns {
            let mut command = self.command(plan);
            command.args(["campaign", "apply"]).arg(format!("campaigns/{}.toml", campaign.key));
            run(&mut command, None).await?;
        }
        Ok(())
    }

    /// Imports a campaign's list. Gives the counts.
    ///
    /// # Errors
    /// The command failed. Rejected rows are no failure.
    pub async fn import(&self, plan: &Plan, campaign: &Campaign) -> Result<Value, DemoError> {
        let mut command = self.command(plan);
        command.args(["list", "import", campaign.key]).arg(format!("lists/{}.csv", campaign.key));
        command.args(["--name", super::plan::LIST, "--region", "US", "--json"]);
        let said = run(&mut command, None).await?;
        Ok(serde_json::from_str(said.trim()).unwrap_or(Value::String(said)))
    }

    /// Starts the service; its log goes to `lull.log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn serve(&self, plan: &Plan) -> Result<Service, DemoError> {
        let path = plan.folder.join("lull.log");
        let log = std::fs::File::create(&path).map_err(io(format!("making {}", path.display())))?;
        let copy = log.try_clone().map_err(io("sharing the log"))?;
        let mut command = self.command(plan);
        command.args(["serve", "--until-stdin-closes"]).stdin(Stdio::piped()).stdout(log).stderr(copy);
        // A group of its own: Ctrl-C is for the conductor, who ends the parts in their order.
        let child = command.process_group(0).spawn().map_err(io("starting the service"))?;
        Service::new(child, plan)
    }
}

/// Runs a command to its end. Exit code 3 means findings, such as rejected rows, and is no failure.
async fn run(command: &mut Command, input: Option<&str>) -> Result<String, DemoError> {
    let shown = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(io(shown.clone()))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that does not read its input says why when it ends.
        let _ = stdin.write_all(format!("{input}\n").as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(io(shown.clone()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() || output.status.code() == Some(3) {
        return Ok(said);
    }
    let output_text = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    Err(DemoError::Command { command: shown, status: output.status.to_string(), output: output_text })
}
