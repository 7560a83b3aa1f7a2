//! A server as a whole: store, bus, runner and gateway of one project in one process.

mod reload;
mod role;
mod schedules;
pub(crate) mod stand_ins;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use pathway_engine::Value;
use pathway_engine::compile::Program;
use pathway_engine::expression::Variables;
use pathway_engine::journal::Signal;
use pathway_engine::project::{Bus as BusKind, Project, Store as StoreKind};
use pathway_engine::vm::{Class, Failure};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::reload::as_json;
pub use self::reload::{Changes, ReloadError, Reloaded, Reloader, folders};
pub use self::role::Role;
use self::schedules::Schedules;
use crate::admin::Admin;
use crate::bus::{Bus, BusError, EmbeddedBus, KafkaBus};
use crate::clock::Clock;
use crate::config::{Config, Request};
use crate::definition::Definition;
use crate::effects::http::HttpClient;
use crate::gateway::{self, Capacity, CommandError, Commands, Doors, Gateway, Limits};
use crate::identity::{AdminToken, AdminTokenError, Identity, IdentityError};
use crate::operations::Operations;
use crate::runner::{Loaded, Mocks, Parts, Runner};
use crate::seal::{self, SealError, SealKeys};
use crate::secret_file;
use crate::standing::{self, Standings};
use crate::store::{Outlet, PostgresOptions, PostgresStore, SqliteStore, Store, StoreError, make_private};
use crate::telemetry::metrics::{Requests, Scrape};
use crate::telemetry::traces::Traces;

/// The data folder of a project that names none.
const DATA: &str = "data";

/// The file in the data folder that says where operators are listened to.
pub const ADMIN_ADDRESS: &str = "admin-address";

/// What a server is made of.
#[derive(Debug)]
pub struct Settings {
    /// What it is there for.
    pub role: Role,
    /// The project.
    pub project: Project,
    /// Its pathways, without errors.
    pub program: Program,
    /// What runs are pinned to.
    pub definition: Definition,
    /// What `${NAME}` stands for.
    pub variables: Variables,
    /// Its folder, which a relative `store.path` is meant from.
    pub folder: PathBuf,
    /// Listens here instead of where the project says; for operators then on a free port.
    pub listener: Option<TcpListener>,
    /// How it is read again.
    pub request: Request,
    /// The folders of all files that were read.
    pub folders: BTreeSet<PathBuf>,
    /// Services that mocks stand for beside those without a URL; none: all are called.
    pub mocked: Option<Vec<String>>,
    /// These mocks.
    pub mocks: Option<Mocks>,
}

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

/// Why a server does not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The project asks for what this version does not have, or what is not safe.
    #[error("{0}")]
    Project(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The key that seals who asked cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no admin token.
    #[error(transparent)]
    Admin(#[from] AdminTokenError),
    /// Nobody could be asked about tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}, where `{setting}` says: {source}; give another address with \
         `--config {setting}=HOST:PORT`, port 0 for any that is free"
    )]
    Listen {
        /// What the project calls it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The gateway could not go on.
    #[error(transparent)]
    Gateway(#[from] gateway::ServeError),
    /// The runner cannot start, or could not go on.
    #[error("{0}")]
    Runner(String),
}

impl Settings {
    /// To serve the project of `config`.
    #[must_use]
    pub fn new(config: Config, program: Program) -> Self {
        Self {
            role: Role::Serve,
            definition: Definition::of(&config),
            folder: config.root.folder().to_owned(),
            request: config.request.clone(),
            folders: reload::folders(&config),
            variables: config.variables,
            project: config.project,
            program,
            listener: None,
            mocked: None,
            mocks: None,
        }
    }

    /// The same with mocks for services without a URL, and for those that are named.
    #[must_use]
    pub fn mocking(mut config: Config, program: Program, services: Vec<String>) -> Self {
        let mocks = stand_ins::of(&mut config, &program, &services);
        Self { mocked: Some(services), mocks: Some(mocks), ..Self::new(config, program) }
    }
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
            mocks: mocks.clone().map(Arc::new),
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
            traces: traces.clone(),
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
            operations: Operations::new(store.clone(), runner.clone()),
            reloader: reloader.clone(),
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

async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|source| AppError::Listen { setting, address, source })
}

fn address_of(
    listener: &TcpListener,
    setting: &'static str,
    address: SocketAddr,
) -> Result<SocketAddr, AppError> {
    listener.local_addr().map_err(|source| AppError::Listen { setting, address, source })
}

/// Leaves word for the command line where operators are listened to.
fn tell_address(data: &Path, address: SocketAddr) -> Result<(), AppError> {
    make_private(data)?;
    let path = data.join(ADMIN_ADDRESS);
    secret_file::write(&path, &address.to_string())
        .map_err(|error| AppError::Runner(format!("cannot write `{}`: {error}", path.display())))
}

/// Where what runs send goes first.
fn outlet(project: &Project) -> Outlet {
    match project.bus {
        BusKind::Embedded => Outlet::Topics,
        BusKind::Kafka(_) => Outlet::Outbox,
    }
}

/// The bus, as the project says.
fn open_bus(project: &Project, store: &Arc<dyn Store>) -> Result<Arc<dyn Bus>, AppError> {
    match &project.bus {
        BusKind::Embedded => Ok(Arc::new(EmbeddedBus::new(store.clone()))),
        BusKind::Kafka(kafka) => {
            let bus = KafkaBus::new(kafka, store.clone(), store.id().to_owned());
            match bus {
                Ok(bus) => Ok(Arc::new(bus)),
                Err(BusError::Refused(why)) => Err(AppError::Project(why)),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// The store, as the project says.
async fn open_store(project: &Project, data: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let outlet = outlet(project);
    match &project.store {
        StoreKind::Path(_) => Ok(Arc::new(SqliteStore::open_with(data, outlet)?)),
        StoreKind::Postgres(url) => {
            let is_shared = role::is_shared(project);
            let options = PostgresOptions { outlet, is_shared, ..PostgresOptions::default() };
            Ok(Arc::new(PostgresStore::open(url, options).await?))
        }
    }
}

/// The folder of the store, where the project says. What a server keeps for itself is there too:
/// where the store is a database, in the folder that is meant unless another is named.
pub(crate) fn data_folder(project: &Project, folder: &Path) -> PathBuf {
    match &project.store {
        StoreKind::Path(path) => folder.join(path),
        StoreKind::Postgres(_) => folder.join(DATA),
    }
}

/// Who tells how busy whoever does the work is. Where work is shared, this process tells others of its
/// own, and hears of theirs.
fn capacity(
    role: Role,
    project: &Project,
    runner: &Runner,
    bus: &Arc<dyn Bus>,
    stop: &CancellationToken,
) -> Arc<dyn Capacity> {
    let own = Arc::new(runner.clone());
    let (BusKind::Kafka(kafka), true) = (&project.bus, role::is_shared(project)) else { return own };
    let topic = standing::topic(&kafka.group.value);
    if role.works() {
        let (runner, bus, topic) = (runner.clone(), bus.clone(), topic.clone());
        tokio::spawn(standing::tell(runner, bus, topic, Clock::system(), stop.clone()));
    }
    if !role.has_doors() {
        return own;
    }
    let others = Arc::<Standings>::default();
    tokio::spawn(others.clone().listen(bus.clone(), topic, stop.clone()));
    Arc::new(Both(own, others))
}

/// The work of this process, and that of others.
#[derive(Debug)]
struct Both(Arc<Runner>, Arc<Standings>);

impl Capacity for Both {
    fn queued(&self, pathway: &str) -> usize {
        self.0.queued(pathway).max(self.1.queued(pathway))
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        let (own, others) = (Capacity::opens_after(&*self.0, service), self.1.opens_after(service));
        own.into_iter().chain(others).min()
    }
}

impl Capacity for Runner {
    fn queued(&self, pathway: &str) -> usize {
        Self::queued(self, pathway)
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        self.upstreams().opens_after(service)
    }
}

impl Commands for Runner {
    fn cancel(&self, run: &str) -> BoxFuture<'_, Result<(), CommandError>> {
        let run = run.to_owned();
        Box::pin(async move {
            let reason = Failure::new(Class::Cancelled, "cancelled by its caller");
            told(Self::cancel(self, &run, reason).await)
        })
    }

    fn signal(
        &self,
        run: &str,
        name: &str,
        payload: Value,
        from: Option<&str>,
    ) -> BoxFuture<'_, Result<(), CommandError>> {
        let run = run.to_owned();
        let signal = Signal { name: name.to_owned(), payload, from: from.map(str::to_owned) };
        Box::pin(async move { told(Self::signal(self, &run, signal).await) })
    }
}

fn told(reached: Result<bool, StoreError>) -> Result<(), CommandError> {
    let why = "the run is not under way: it has ended, or was parked";
    match reached {
        Ok(true) => Ok(()),
        Ok(false) => Err(CommandError::Refused(why.to_owned())),
        Err(error) => Err(CommandError::Unavailable(error.to_string())),
    }
}
