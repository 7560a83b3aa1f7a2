//! The client: one attempt from request to output.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pathway_engine::Value;
use pathway_engine::vm::{Failure, HttpRequest, Parse};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::body::encode_body;
use super::headers::{headers, method};
use super::{Context, Target, answer, failure, stream};

/// Connections to a service that are kept open: as many calls as there are at once in a server that
/// says nothing else, so that none is closed only to be opened again.
const KEPT: usize = 256;
/// How long one that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long a service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Calls all services over one pool of connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// A client with no connection yet.
    ///
    /// # Errors
    /// The platform's certificates cannot be read.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls = ClientConfig::with_platform_verifier()?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(KEPT)
            .pool_idle_timeout(IDLE)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client })
    }

    /// Makes one attempt. Its output is `{status, headers, body}`; of a stream also `text` and
    /// `chunks`, and what is picked goes to `pieces` as it arrives, waiting where that is full.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// No answer, too late an answer, a status that is no answer, or a body that cannot be used.
    pub async fn send(
        &self,
        target: &Target,
        request: &HttpRequest,
        context: &Context<'_>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Result<Value, Failure> {
        let limit = request.timeout.unwrap_or(target.timeout);
        let attempt = self.attempt(target, request, context, pieces);
        timeout(limit, attempt).await.unwrap_or_else(|_| Err(failure::slow(request, limit)))
    }

    async fn attempt(
        &self,
        target: &Target,
        request: &HttpRequest,
        context: &Context<'_>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Result<Value, Failure> {
        let refused = |why: &str| failure::refused(request, why);
        let url = target.url.of(request).map_err(refused)?;
        let boundary = || Uuid::new_v4().simple().to_string();
        let body = encode_body(&request.body, boundary).map_err(|why| refused(&why))?;
        let content_type = body.as_ref().map(|body| body.content_type.as_str());
        let headers = headers(target, request, context, content_type).map_err(|why| refused(&why))?;

        let mut call = Request::new(Full::from(body.map(|body| body.bytes).unwrap_or_default()));
        *call.method_mut() = method(request.method);
        *call.uri_mut() = url;
        *call.headers_mut() = headers;
        let answered = self.client.request(call).await;
        let response = answered.map_err(|error| failure::unanswered(request, &error))?;

        let status = response.status();
        if !status.is_success() && !request.accept.contains(&status.as_u16()) {
            return Err(answer::refusal(target, request, response).await);
        }
        match request.parse {
            Parse::Sse | Parse::Lines => stream::read(target, request, context, response, pieces).await,
            Parse::Auto | Parse::Json | Parse::Text | Parse::Bytes => {
                answer::read(target, request, response).await
            }
        }
    }
}
