//! A server as a whole: store, bus, runner and gateway of one project in one process.

mod backing;
mod capacity;
mod commands;
mod error;
mod listening;
mod reload;
mod role;
mod schedules;
mod settings;
pub(crate) mod stand_ins;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pathway_engine::compile::Program;
use pathway_engine::project::Store as StoreKind;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::backing::data_folder;
use self::backing::{open_bus, open_store};
use self::capacity::capacity;
pub use self::error::AppError;
pub use self::listening::ADMIN_ADDRESS;
use self::listening::{address_of, listen, tell_address};
pub(crate) use self::reload::as_json;
pub use self::reload::{Changes, ReloadError, Reloaded, Reloader, folders};
pub use self::role::Role;
use self::schedules::Schedules;
pub use self::settings::Settings;
use crate::admin::Admin;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::effects::http::HttpClient;
use crate::gateway::{self, Doors, Gateway, Limits};
use crate::identity::{AdminToken, Identity};
use crate::ids::Ids;
use crate::operations::Operations;
use crate::runner::{Compacting, Loaded, Parts, Runner};
use crate::seal::{self, SealKeys};
use crate::store::{Store, StoreError, make_private};
use crate::telemetry::metrics::{Requests, Scrape};
use crate::telemetry::traces::Traces;

/// A server that serves.
#[derive(Debug)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens for operators.
    pub admin: SocketAddr,
    /// Its runner.
    pub runner: Runner,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Reads the project again.
    pub reloader: Reloader,
    bus: Arc<dyn Bus>,
    stop: CancellationToken,
    grace: Duration,
    gateway: JoinHandle<Result<(), gateway::ServeError>>,
    operators: JoinHandle<()>,
    schedules: JoinHandle<()>,
    /// Ends the sending of spans once nothing is left to send.
    flush: CancellationToken,
    sending: Option<JoinHandle<()>>,
}

impl App {
    /// Opens the store, takes up what was under way, and serves.
    ///
    /// # Errors
    /// Anything that keeps the server from doing its work; nothing is left running.
    pub async fn start(settings: Settings) -> Result<Self, AppError> {
        let Settings { role, project, program, definition, variables, folder, listener, .. } = settings;
        let (request, folders) = (settings.request, settings.folders);
        let (mocked, mocks) = (settings.mocked, settings.mocks);
        let data = data_folder(&project, &folder);
        let doors = if role.has_doors() { program.clone() } else { Program::default() };
        gateway::check(&project, &doors).map_err(AppError::Project)?;
        let given = |name: &str| variables.get(name).map(|variable| variable.value.as_str());
        role.check(&project, given(seal::VARIABLE)).map_err(AppError::Project)?;
        let store = open_store(&project, &data).await?;
        let keeps = [seal::VARIABLE, AdminToken::VARIABLE].iter().any(|name| given(name).is_none());
        if keeps {
            make_private(&data)?;
        }
        let keys = SealKeys::load(given(seal::VARIABLE), &data)?;
        let admin = AdminToken::load(given(AdminToken::VARIABLE), &data)?;
        let identity = Arc::new(Identity::new(project.auth.as_ref())?);
        let (listener, for_operators) = match listener {
            Some(listener) => (listener, (Ipv4Addr::LOCALHOST, 0).into()),
            None => (listen("listen", project.listen).await?, project.admin),
        };
        let for_operators = listen("admin", for_operators).await?;
        let address = address_of(&listener, "listen", project.listen)?;
        let admin_address = address_of(&for_operators, "admin", project.admin)?;
        match tell_address(&data, admin_address) {
            // Nothing else has to be in a folder then, so it may be one that cannot be written to.
            Err(error) if matches!(project.store, StoreKind::Postgres(_)) => {
                tracing::warn!(%error, "commands of a terminal will not find this process");
            }
            told => told?,
        }
        let clock = Clock::system();
        let bus = open_bus(&project, &store)?;
        let traces = project.traces.as_ref().map(|traces| Traces::new(&project, traces));
        let (traces, sending) = traces.transpose().map_err(AppError::Project)?.unzip();
        let project = Arc::new(project);
        let loaded = Loaded {
            program: program.clone(),
            project: project.clone(),
            variables: variables.clone(),
            mocks: mocks.clone(),
        };
        let (loaded, _) = watch::channel(loaded);
        let runner = Runner::start(Parts {
            program: program.clone(),
            project: project.clone(),
            store: store.clone(),
            bus: bus.clone(),
            keys: keys.clone(),
            vouch: Some(identity.clone()),
            definition,
            variables,
            mocks,
            transport: Arc::new(HttpClient::new().map_err(|error| AppError::Runner(error.to_string()))?),
            clock: clock.clone(),
            ids: Ids::system(),
            traces: traces.clone(),
            compacting: Compacting::default(),
        })
        .await
        .map_err(AppError::Runner)?;
        if role.works() {
            runner.consume();
        }
        identity.prepare();

        let stop = CancellationToken::new();
        let mut schedules = Schedules {
            loaded: loaded.subscribe(),
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
        };
        let schedules = match (role.works(), store.is_shared()) {
            (true, false) => {
                let scheduler = schedules.load_all().await?;
                tokio::spawn(schedules.run(scheduler, stop.clone()))
            }
            (true, true) => tokio::spawn(schedules.follow(runner.clone(), stop.clone())),
            (false, _) => tokio::spawn(std::future::ready(())),
        };
        let capacity = capacity(role, &project, &runner, &bus, &stop);
        let limits = Limits::of(&project.http);
        let requests = Arc::<Requests>::default();
        let scrape = Scrape {
            store: store.clone(),
            bus: bus.clone(),
            runner: runner.clone(),
            requests: requests.clone(),
            clock: clock.clone(),
        };
        let gateway = Gateway::new(gateway::Parts {
            project,
            program: Arc::new(doors),
            store: store.clone(),
            bus: bus.clone(),
            commands: Arc::new(runner.clone()),
            capacity,
            identity,
            admin: admin.clone(),
            keys,
            clock: clock.clone(),
            ids: Ids::system(),
            ready: watch::channel(Ok(())).1,
            stop: stop.clone(),
            limits,
            traces,
        });
        let doors = Doors::new(gateway.counting(requests));
        let reloader = Reloader::new(reload::Parts {
            request,
            role,
            runner: runner.clone(),
            doors: doors.clone(),
            schedules: loaded,
            folders,
            mocked,
            stop: stop.clone(),
        });
        let operators = Admin {
            scrape,
            role,
            since: clock.now(),
            operations: Operations::new(store.clone(), runner.clone()),
            reloader: reloader.clone(),
            is_local: admin_address.ip().is_loopback(),
            token: admin,
            limits,
            stop: stop.clone(),
        };
        let operators = tokio::spawn(operators.serve(for_operators));
        let flush = CancellationToken::new();
        let sending = sending.map(|sending| tokio::spawn(sending.run(runner.clone(), flush.clone())));
        let gateway = tokio::spawn(doors.serve(listener));
        let grace = limits.grace;
        Ok(Self {
            address,
            admin: admin_address,
            runner,
            store,
            reloader,
            bus,
            stop,
            grace,
            gateway,
            operators,
            schedules,
            flush,
            sending,
        })
    }

    /// Ready when the server can do its work no longer.
    pub async fn failed(&mut self) -> AppError {
        let stopped = self.store.stopped();
        tokio::select! {
            reason = self.runner.failed() => AppError::Runner(reason),
            reason = stopped => AppError::Store(StoreError::Stopped(reason)),
            served = &mut self.gateway => match served {
                Ok(Ok(())) => AppError::Runner("the gateway has ended".to_owned()),
                Ok(Err(error)) => error.into(),
                Err(error) => AppError::Runner(error.to_string()),
            },
        }
    }

    /// Stops: accepts nothing more, lets what is under way end, and leaves the rest to the
    /// journal.
    pub async fn stop(self) {
        self.stop.cancel();
        let runner = self.runner.stop(self.grace);
        let _ended = tokio::join!(self.gateway, self.operators, self.schedules, runner);
        self.flush.cancel();
        if let Some(sending) = self.sending {
            let _sent = sending.await;
        }
        self.bus.close().await;
    }
}
