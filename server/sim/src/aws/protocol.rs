//! The wire: awsJson1_1 (ECS, ECR), awsQuery (STS) and rpcv2Cbor (CloudWatch).
//!
//! Which service is meant is read from the request itself, as one address serves all of them: the
//! `x-amz-target` header, the path of a CBOR call, or a form with an `Action`.

use super::service::uuid;
use super::state::State;
use super::{Answer, Api, Aws, AwsError, Caller, sts};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ciborium::Value as Cbor;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const ECS_TARGET: &str = "AmazonEC2ContainerServiceV20141113";
const ECR_TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn router(aws: Arc<Aws>) -> Router {
    Router::new()
        .route("/", post(json_or_query))
        .route(
            "/service/GraniteServiceVersion20100801/operation/{operation}",
            post(cbor),
        )
        .route("/_blobs/{digest}", get(blob))
        .layer(DefaultBodyLimit::max(4 * 1024 * 1024))
        .with_state(aws)
}

async fn json_or_query(Shared(aws): Shared<Arc<Aws>>, headers: HeaderMap, body: Bytes) -> Response {
    match headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
    {
        Some(target) => json(&aws, target, &headers, &body),
        None => query(&aws, &headers, &body),
    }
}

fn json(aws: &Aws, target: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    let (api, operation) = match target.split_once('.') {
        Some((ECS_TARGET, operation)) => (Api::Ecs, operation),
        Some((ECR_TARGET, operation)) => (Api::Ecr, operation),
        _ => {
            return json_error(&AwsError::new(
                "UnknownOperationException",
                format!("No such target: {target}"),
            ));
        }
    };
    let input = match serde_json::from_slice(if body.is_empty() { b"{}" } else { body }) {
        Ok(input) => input,
        Err(error) => return json_error(&AwsError::new("SerializationException", error.to_string())),
    };
    let caller = match caller(aws, headers) {
        Ok(caller) => caller,
        Err(error) => return json_error(&error),
    };
    match aws.invoke(api, operation, &caller, &input) {
        Answer::Done(mut output) => {
            complete_address(&mut output, headers);
            json_answer(StatusCode::OK, &output)
        }
        Answer::Failed(error) => json_error(&error),
        Answer::Hangup => hang_up(),
    }
}

/// A download address begins as a path: only the request knows by which name this server is reached.
fn complete_address(output: &mut Value, headers: &HeaderMap) {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    if let Some(Value::String(address)) = output.get_mut("downloadUrl") {
        *address = format!("http://{host}{address}");
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    let text = body.to_string();
    let request_id = request_id(&text);
    (
        status,
        [
            (header::CONTENT_TYPE, "application/x-amz-json-1.1".to_owned()),
            request_id,
        ],
        text,
    )
        .into_response()
}

fn json_error(error: &AwsError) -> Response {
    json_answer(
        status(error),
        &serde_json::json!({ "__type": error.code, "message": error.message }),
    )
}

fn query(aws: &Aws, headers: &HeaderMap, body: &Bytes) -> Response {
    let fields: Map<String, Value> = url::form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
        .collect();
    let Some(operation) = fields.get("Action").and_then(Value::as_str).map(str::to_owned) else {
        return xml_error(&AwsError::new(
            "MissingAction",
            "The request has neither a target nor an action.",
        ));
    };
    let caller = match caller(aws, headers) {
        Ok(caller) => caller,
        Err(error) => {
            return xml_error(&AwsError {
                status: 403,
                code: "InvalidClientTokenId".into(),
                ..error
            });
        }
    };
    match aws.invoke(Api::Sts, &operation, &caller, &Value::Object(fields)) {
        Answer::Done(output) => {
            let id = request_id("").1;
            let body = format!(
                "<{operation}Response xmlns=\"{STS_NAMESPACE}\"><{operation}Result>{}</{operation}Result>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>",
                xml(&output)
            );
            xml_answer(StatusCode::OK, body)
        }
        Answer::Failed(error) => xml_error(&error),
        Answer::Hangup => hang_up(),
    }
}

fn xml_answer(status: StatusCode, body: String) -> Response {
    let request_id = request_id(&body);
    (
        status,
        [(header::CONTENT_TYPE, "text/xml".to_owned()), request_id],
        body,
    )
        .into_response()
}

fn xml_error(error: &AwsError) -> Response {
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    let id = request_id(&error.message).1;
    let (code, message) = (escaped(&error.code), escaped(&error.message));
    xml_answer(
        status(error),
        format!(
            "<ErrorResponse xmlns=\"{STS_NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
        ),
    )
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("<{name}>{}</{name}>", xml(value)))
            .collect(),
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

async fn cbor(
    Shared(aws): Shared<Arc<Aws>>,
    Path(operation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let input = if body.is_empty() {
        Ok(Value::Object(Map::new()))
    } else {
        ciborium::from_reader(&*body)
    };
    let input: Value = match input {
        Ok(input) => input,
        Err(error) => return cbor_error(&AwsError::new("SerializationException", error.to_string())),
    };
    let caller = match caller(&aws, &headers) {
        Ok(caller) => caller,
        Err(error) => return cbor_error(&error),
    };
    match aws.invoke(Api::CloudWatch, &operation, &caller, &input) {
        Answer::Done(output) => cbor_answer(StatusCode::OK, &to_cbor(&output)),
        Answer::Failed(error) => cbor_error(&error),
        Answer::Hangup => hang_up(),
    }
}

fn cbor_answer(status: StatusCode, body: &Cbor) -> Response {
    let mut bytes = Vec::new();
    if let Err(error) = ciborium::into_writer(body, &mut bytes) {
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    let protocol = (
        HeaderName::from_static("smithy-protocol"),
        "rpc-v2-cbor".to_owned(),
    );
    let request_id = request_id(&status.to_string());
    (
        status,
        [
            (header::CONTENT_TYPE, "application/cbor".to_owned()),
            protocol,
            request_id,
        ],
        bytes,
    )
        .into_response()
}

fn cbor_error(error: &AwsError) -> Response {
    let kind = format!("com.amazonaws.cloudwatch#{}", error.code);
    cbor_answer(
        status(error),
        &to_cbor(&serde_json::json!({ "__type": kind, "message": error.message })),
    )
}

/// CBOR of an output. Members named `…Timestamp` hold milliseconds and become CBOR's epoch time (tag 1).
fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Cbor::Integer(integer.into()),
            None => Cbor::Float(number.as_f64().unwrap_or(0.0)),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(fields) => Cbor::Map(fields.iter().map(member).collect()),
    }
}

fn member((name, value): (&String, &Value)) -> (Cbor, Cbor) {
    let value = match value.as_f64() {
        Some(millis) if name.ends_with("Timestamp") => Cbor::Tag(1, Box::new(Cbor::Float(millis / 1000.0))),
        _ => to_cbor(value),
    };
    (Cbor::Text(name.clone()), value)
}

/// The configuration of an image, as the presigned address of GetDownloadUrlForLayer gives it.
async fn blob(Shared(aws): Shared<Arc<Aws>>, Path(digest): Path<String>) -> Response {
    let found = |state: &State| {
        let repositories = state.registry.repositories.values().flat_map(|all| all.values());
        repositories
            .filter_map(|repository| repository.blobs.get(&digest))
            .next()
            .cloned()
    };
    match found(&aws.state()) {
        Some(blob) => (
            [(header::CONTENT_TYPE, "application/vnd.oci.image.config.v1+json")],
            blob,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn caller(aws: &Aws, headers: &HeaderMap) -> Result<Caller, AwsError> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|header| header.to_str().ok());
    sts::caller(&aws.state(), authorization)
}

fn status(error: &AwsError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST)
}

fn request_id(of: &str) -> (HeaderName, String) {
    (
        HeaderName::from_static("x-amzn-requestid"),
        uuid(&Sha256::digest(of)),
    )
}

/// Closes the connection before anything is answered: the body fails while the head still waits to be sent.
fn hang_up() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("simulated hang-up")) });
    let mut response = Response::new(Body::from_stream(broken));
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
