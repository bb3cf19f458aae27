//! Pitfalls of the protocol that only a client of our own can show.

mod client;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use client::{COOKIE, Identity, Plugin, decode, encode, thing};
use rustix::process::{Pid, Signal, kill_process};
use tfplugin_proto::{
    Type, Value,
    wire::{
        plugin::{
            ConnInfo, Empty, grpc_broker_client::GrpcBrokerClient,
            grpc_controller_client::GrpcControllerClient, grpc_stdio_client::GrpcStdioClient,
        },
        tfplugin6::{
            DynamicValue, RawState, apply_resource_change, call_function, configure_provider,
            get_metadata, get_provider_schema, import_resource_state, move_resource_state,
            plan_resource_change, read_data_source, read_resource, upgrade_resource_state,
            validate_provider_config, validate_resource_config,
        },
    },
};
use tonic::transport::Channel;

type Client = tfplugin_proto::wire::tfplugin6::provider_client::ProviderClient<Channel>;

/// Well below the two seconds after which an engine kills.
const PROMPTLY: Duration = Duration::from_millis(1500);

async fn refused(plugin: &Plugin, identity: Option<&Identity>) -> bool {
    match plugin.channel(identity).await {
        Err(_) => true,
        // With TLS 1.3 a client learns of the refusal with its first request.
        Ok(channel) => Client::new(channel)
            .get_metadata(get_metadata::Request {})
            .await
            .is_err(),
    }
}

async fn configure(client: &mut Client) {
    let config = Type::object([("note", Type::String)]);
    let msgpack = Value::object([("note", Value::Null)])
        .to_msgpack(&config)
        .expect("fits");
    let request = configure_provider::Request {
        terraform_version: "1.0.0".to_owned(),
        config: Some(DynamicValue {
            msgpack,
            json: Vec::new(),
        }),
        ..Default::default()
    };
    let response = client
        .configure_provider(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(response.diagnostics, []);
}

async fn configured(plugin: &Plugin) -> Client {
    let mut client = plugin.client(None).await;
    configure(&mut client).await;
    client
}

fn creation(planned: &Value) -> apply_resource_change::Request {
    apply_resource_change::Request {
        type_name: "probe_thing".to_owned(),
        prior_state: encode(&Value::Null),
        planned_state: encode(planned),
        config: encode(planned),
        planned_private: b"kept".to_vec(),
        ..Default::default()
    }
}

fn planned(set: &[(&str, Value)]) -> Value {
    thing(set)
        .with("id", Value::unknown_not_null())
        .with("made", Value::unknown())
}

#[tokio::test]
async fn pitfall_01_only_the_engine_that_started_us_may_connect() {
    let (engine, stranger) = (Identity::new(1), Identity::new(2));
    let plugin = Plugin::start(Some(&engine));

    assert!(
        refused(&plugin, Some(&stranger)).await,
        "another certificate of the same name was accepted"
    );
    assert!(
        refused(&plugin, Some(&engine.with_key_of(&stranger))).await,
        "the certificate without its key was accepted"
    );
    assert!(
        refused(&plugin, Some(&stranger.with_key_of(&engine))).await,
        "another certificate of the engine's key was accepted"
    );
    assert!(refused(&plugin, None).await, "no certificate was accepted");

    // A client that connects and says nothing holds up nobody.
    let _silent = tokio::net::UnixStream::connect(plugin.socket())
        .await
        .expect("a connection");
    let begun = Instant::now();
    let mut client = plugin.client(Some(&engine)).await;
    let schema = client
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .expect("a schema")
        .into_inner();
    assert!(schema.resource_schemas.contains_key("probe_thing"));
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn pitfall_01_a_certificate_that_cannot_be_pinned_stops_the_provider() {
    for pem in [
        "not PEM",
        "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_terraform-provider-probe"))
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "6")
            .env("PLUGIN_CLIENT_CERT", pem)
            .stdin(Stdio::null())
            .output()
            .expect("the provider starts");
        assert!(!output.status.success());
        assert_eq!(output.stdout, b"", "never fall back to plaintext");
        assert!(String::from_utf8_lossy(&output.stderr).contains("PLUGIN_CLIENT_CERT"));
    }
}

/// Delayed acknowledgements would cost forty milliseconds a request.
#[tokio::test]
async fn pitfall_02_requests_do_not_stall() {
    let engine = Identity::new(1);
    let plugin = Plugin::start(Some(&engine));
    assert_eq!(plugin.fields()[2], "unix");
    let mut client = plugin.client(Some(&engine)).await;
    client
        .get_metadata(get_metadata::Request {})
        .await
        .expect("metadata");
    let mut latencies = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        client
            .get_metadata(get_metadata::Request {})
            .await
            .expect("metadata");
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    // The median, so that a busy machine does not decide.
    assert!(
        latencies[50] < Duration::from_millis(20),
        "{:?}",
        latencies[50]
    );
}

/// Beyond a library's usual limit of four megabytes, both ways.
#[tokio::test]
async fn pitfall_09_messages_may_be_large() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let text = "x".repeat(20 << 20);
    let response = client
        .apply_resource_change(creation(&planned(&[("text", text.as_str().into())])))
        .await;
    let response = response.expect("an answer").into_inner();
    assert_eq!(response.diagnostics, []);
    assert_eq!(
        decode(response.new_state.as_ref()).get("text").as_str(),
        Some(text.as_str())
    );
}

#[tokio::test]
async fn pitfall_10_stdout_carries_one_line_and_no_more() {
    let mut plugin = Plugin::start(Some(&Identity::new(1)));
    let fields = plugin.fields();
    assert_eq!(fields.len(), 6, "{}", plugin.line);
    assert_eq!(
        (fields[0], fields[1], fields[2], fields[4]),
        ("1", "6", "unix", "grpc")
    );
    assert!(plugin.line.ends_with('\n'));
    let certificate = fields[5];
    assert!(certificate.len() > 50, "a shorter one is taken for none");
    assert!(
        certificate
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte)),
        "{certificate}"
    );

    kill_process(pid(&plugin), Signal::TERM).expect("signalled");
    assert!(plugin.wait(PROMPTLY).is_some_and(|status| status.success()));
    assert_eq!(plugin.rest_of_stdout(), "");
}

#[test]
fn pitfall_10_started_by_a_person_it_explains_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_terraform-provider-mockcloud"))
        .env_remove(COOKIE.0)
        .stdin(Stdio::null())
        .output()
        .expect("the provider starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("terraform-provider-mockcloud ") && said.contains("required_providers"),
        "{said}"
    );
}

fn pid(plugin: &Plugin) -> Pid {
    Pid::from_child(&plugin.child)
}

/// Ctrl-C reaches the whole process group; the engine then tells us what to do.
#[tokio::test]
async fn pitfall_11_an_interrupt_does_not_end_us() {
    let mut plugin = Plugin::start(None);
    let mut client = plugin.client(None).await;
    for _ in 0..3 {
        kill_process(pid(&plugin), Signal::INT).expect("signalled");
    }
    assert!(
        plugin.wait(PROMPTLY).is_none(),
        "an interrupt ended the provider"
    );
    client
        .get_metadata(get_metadata::Request {})
        .await
        .expect("still serving");
}

/// Open streams and half-open connections must not hold back the end.
#[tokio::test]
async fn pitfall_11_shutdown_is_prompt_whatever_is_open() {
    let engine = Identity::new(1);
    let mut plugin = Plugin::start(Some(&engine));
    let socket = plugin.socket();
    let channel = plugin.channel(Some(&engine)).await.expect("a connection");
    let mut stdio = GrpcStdioClient::new(channel.clone())
        .stream_stdio(Empty {})
        .await
        .expect("a stream")
        .into_inner();
    let silent = tokio_stream_of_nothing();
    let mut broker = GrpcBrokerClient::new(channel.clone())
        .start_stream(silent)
        .await
        .expect("a stream")
        .into_inner();
    let _half_open = tokio::net::UnixStream::connect(&socket)
        .await
        .expect("a connection");

    let begun = Instant::now();
    GrpcControllerClient::new(channel)
        .shutdown(Empty {})
        .await
        .expect("shutdown is answered");
    assert_eq!(stdio.message().await.expect("ends well"), None);
    assert_eq!(broker.message().await.expect("ends well"), None);
    let status = plugin.wait(PROMPTLY);
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?} after {:?}",
        begun.elapsed()
    );
    assert!(!socket.exists(), "the socket is left behind");
    assert!(
        !socket.parent().is_some_and(|dir| dir.exists()),
        "so is its directory"
    );
}

fn tokio_stream_of_nothing() -> impl tonic::IntoStreamingRequest<Message = ConnInfo> {
    struct Never;
    impl tonic::codegen::tokio_stream::Stream for Never {
        type Item = ConnInfo;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Pending
        }
    }
    Never
}

/// An engine that was killed cannot say goodbye.
#[test]
fn pitfall_11_an_orphan_ends_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    // The shell plays the engine: it starts the provider, sees it serving and dies.
    let mut shell = Command::new("sh")
        .args([
            "-c",
            r#""$PROBE" > "$DIR/line" 2> /dev/null & sleep 1; test -S "$(cut -d'|' -f4 "$DIR/line")""#,
        ])
        .env("PROBE", env!("CARGO_BIN_EXE_terraform-provider-probe"))
        .env("DIR", dir.path())
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .env("PLUGIN_UNIX_SOCKET_DIR", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a shell");
    assert!(shell.wait().expect("ends").success(), "it was not serving");
    let line = std::fs::read_to_string(dir.path().join("line")).expect("a handshake");
    let socket = line.split('|').nth(3).expect("a socket").to_owned();
    let begun = Instant::now();
    while std::path::Path::new(&socket).exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "the orphan lives on"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn pitfall_12_a_client_that_hangs_up_does_not_undo_the_work() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let proof = plugin.dir().join("proof");
    let request = creation(&planned(&[
        ("mode", "slow".into()),
        ("text", proof.display().to_string().into()),
    ]));
    let call = client.apply_resource_change(request);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .is_err(),
        "it is slow"
    );
    drop(client);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(proof.exists(), "the work was dropped with the request");
}

#[tokio::test]
async fn pitfall_12_nor_does_the_end_of_the_process() {
    let mut plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let proof = plugin.dir().join("proof");
    let request = creation(&planned(&[
        ("mode", "slow".into()),
        ("text", proof.display().to_string().into()),
    ]));
    let call = client.apply_resource_change(request);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .is_err(),
        "it is slow"
    );
    drop(client);
    // Time for the connection to close: the waiting below gives this thread to nobody else.
    tokio::time::sleep(Duration::from_millis(50)).await;
    kill_process(pid(&plugin), Signal::TERM).expect("signalled");
    assert!(plugin.wait(PROMPTLY).is_some());
    assert!(proof.exists(), "the process ended with work under way");
}

#[tokio::test]
async fn pitfall_12_a_panic_keeps_the_object() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;

    // In creating: nobody knows how far it came, so what was planned is kept.
    let response = client
        .apply_resource_change(creation(&planned(&[("mode", "panic".into())])))
        .await;
    let response = response.expect("an answer").into_inner();
    assert!(
        response.diagnostics[0].detail.contains("asked to panic"),
        "{:?}",
        response.diagnostics
    );
    assert_eq!(
        decode(response.new_state.as_ref()),
        thing(&[("mode", "panic".into())])
    );
    assert_eq!(response.private, b"kept");

    // In changing: the prior state.
    let prior = thing(&[("id", "thing-1".into()), ("made", "created".into())]);
    let change = apply_resource_change::Request {
        prior_state: encode(&prior),
        ..creation(
            &prior
                .clone()
                .with("mode", "panic")
                .with("made", Value::unknown()),
        )
    };
    let response = client
        .apply_resource_change(change)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(response.diagnostics.len(), 1);
    assert_eq!(decode(response.new_state.as_ref()), prior);

    // In reading: null would say that the object is gone.
    let state = thing(&[("id", "thing-1".into()), ("mode", "panic in read".into())]);
    let request = read_resource::Request {
        type_name: "probe_thing".to_owned(),
        current_state: encode(&state),
        private: b"kept".to_vec(),
        ..Default::default()
    };
    let response = client
        .read_resource(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(response.diagnostics.len(), 1);
    assert_eq!(
        (decode(response.new_state.as_ref()), response.private),
        (state, b"kept".to_vec())
    );

    // In planning, validating, a data source and a function: told, and serving goes on.
    let config = thing(&[("mode", "panic in plan".into())]);
    let request = plan_resource_change::Request {
        type_name: "probe_thing".to_owned(),
        prior_state: encode(&Value::Null),
        proposed_new_state: encode(&config),
        config: encode(&config),
        ..Default::default()
    };
    let response = client
        .plan_resource_change(request)
        .await
        .expect("an answer")
        .into_inner();
    assert!(
        response.diagnostics[0]
            .detail
            .contains("asked to panic in plan")
    );
    let request = validate_resource_config::Request {
        type_name: "probe_thing".to_owned(),
        config: encode(&thing(&[("mode", "panic in validate".into())])),
        ..Default::default()
    };
    let response = client
        .validate_resource_config(request)
        .await
        .expect("an answer")
        .into_inner();
    assert!(
        response.diagnostics[0]
            .detail
            .contains("asked to panic in validate")
    );
    let echo = Type::object([("say", Type::String), ("said", Type::String)]);
    let msgpack = Value::object([("say", "panic".into()), ("said", Value::Null)])
        .to_msgpack(&echo)
        .expect("fits");
    let request = read_data_source::Request {
        type_name: "probe_echo".to_owned(),
        config: Some(DynamicValue {
            msgpack,
            json: Vec::new(),
        }),
        ..Default::default()
    };
    let response = client
        .read_data_source(request)
        .await
        .expect("an answer")
        .into_inner();
    assert!(response.diagnostics[0].detail.contains("asked to panic"));
    let argument = DynamicValue {
        msgpack: b"\xa5panic".to_vec(),
        json: Vec::new(),
    };
    let request = call_function::Request {
        name: "join".to_owned(),
        arguments: vec![argument],
    };
    let response = client
        .call_function(request)
        .await
        .expect("an answer")
        .into_inner();
    assert!(
        response
            .error
            .is_some_and(|error| error.text.contains("asked to panic"))
    );
}

/// What a resource forgets or leaves unknown is told by name, and the object kept.
#[tokio::test]
async fn pitfall_08_what_a_resource_forgets_is_told_and_the_object_kept() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let cases = [
        (
            "forget an attribute",
            "`text`",
            thing(&[("mode", "forget an attribute".into()), ("text", "t".into())]),
        ),
        (
            "leave unknown",
            "`made`",
            thing(&[
                ("mode", "leave unknown".into()),
                ("text", "t".into()),
                ("id", "thing-1".into()),
            ]),
        ),
        (
            "rewrite",
            "`text`",
            thing(&[
                ("mode", "rewrite".into()),
                ("text", "REWRITTEN".into()),
                ("id", "thing-1".into()),
                ("made", "created".into()),
            ]),
        ),
    ];
    for (mode, path, kept) in cases {
        let request = creation(&planned(&[("mode", mode.into()), ("text", "t".into())]));
        let response = client
            .apply_resource_change(request)
            .await
            .expect("an answer")
            .into_inner();
        assert!(
            response
                .diagnostics
                .iter()
                .any(|told| told.detail.contains(path)),
            "{mode}: {:?}",
            response.diagnostics
        );
        assert_eq!(decode(response.new_state.as_ref()), kept, "{mode}");
    }
}

/// One process may be asked anything, in any order, and configured again.
#[tokio::test]
async fn pitfall_15_nothing_depends_on_what_was_asked_before() {
    let plugin = Plugin::start(None);
    let mut client = plugin.client(None).await;

    // Validated before it is configured, without having been asked for its schema.
    let request = validate_resource_config::Request {
        type_name: "probe_thing".to_owned(),
        config: encode(&thing(&[("text", Value::unknown())])),
        ..Default::default()
    };
    assert_eq!(
        client
            .validate_resource_config(request)
            .await
            .expect("an answer")
            .into_inner()
            .diagnostics,
        []
    );

    // Work before it is configured: told, and the state kept.
    let state = thing(&[("id", "thing-1".into())]);
    let request = read_resource::Request {
        type_name: "probe_thing".to_owned(),
        current_state: encode(&state),
        ..Default::default()
    };
    let response = client
        .read_resource(request.clone())
        .await
        .expect("an answer")
        .into_inner();
    assert!(response.diagnostics[0].summary.contains("not configured"));
    assert_eq!(decode(response.new_state.as_ref()), state);

    // A configuration that is not known yet: planning works, what needs it says so.
    let config = Type::object([("note", Type::String)]);
    let unknown = Value::object([("note", Value::unknown())])
        .to_msgpack(&config)
        .expect("fits");
    let unknown = Some(DynamicValue {
        msgpack: unknown,
        json: Vec::new(),
    });
    let configure_unknown = configure_provider::Request {
        config: unknown,
        ..Default::default()
    };
    let response = client
        .configure_provider(configure_unknown)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(response.diagnostics, []);
    let plan = plan_resource_change::Request {
        type_name: "probe_thing".to_owned(),
        prior_state: encode(&Value::Null),
        proposed_new_state: encode(&thing(&[])),
        config: encode(&thing(&[])),
        prior_private: b"kept".to_vec(),
        ..Default::default()
    };
    let response = client
        .plan_resource_change(plan)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(response.diagnostics, []);
    assert_eq!(response.planned_private, b"kept");
    let response = client
        .read_resource(request.clone())
        .await
        .expect("an answer")
        .into_inner();
    assert!(
        response.diagnostics[0].summary.contains("not known yet"),
        "{:?}",
        response.diagnostics
    );

    // And configured, twice.
    for _ in 0..2 {
        configure(&mut client).await;
        let response = client
            .read_resource(request.clone())
            .await
            .expect("an answer")
            .into_inner();
        assert_eq!(response.diagnostics, []);
    }
}

/// Whatever is asked, the answer is a diagnostic: a status reads like a crash.
#[tokio::test]
async fn what_cannot_be_answered_is_a_diagnostic() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let garbage = Some(DynamicValue {
        msgpack: vec![0xdf, 0xff, 0xff, 0xff, 0xff],
        json: Vec::new(),
    });
    let unknown_type = "probe_nothing".to_owned();
    let known_type = "probe_thing".to_owned();

    let request = validate_provider_config::Request {
        config: garbage.clone(),
    };
    assert_eq!(
        client
            .validate_provider_config(request)
            .await
            .expect("an answer")
            .into_inner()
            .diagnostics
            .len(),
        1
    );
    for (type_name, config) in [
        (unknown_type.clone(), encode(&thing(&[]))),
        (known_type.clone(), garbage.clone()),
    ] {
        let request = validate_resource_config::Request {
            type_name,
            config,
            ..Default::default()
        };
        assert_eq!(
            client
                .validate_resource_config(request)
                .await
                .expect("an answer")
                .into_inner()
                .diagnostics
                .len(),
            1
        );
    }
    let request = read_resource::Request {
        type_name: known_type.clone(),
        current_state: garbage.clone(),
        ..Default::default()
    };
    let response = client
        .read_resource(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        (response.diagnostics.len(), response.new_state),
        (1, garbage.clone())
    );
    let request = import_resource_state::Request {
        type_name: known_type.clone(),
        ..Default::default()
    };
    let response = client
        .import_resource_state(request)
        .await
        .expect("an answer")
        .into_inner();
    assert!(
        response.diagnostics[0]
            .summary
            .contains("cannot be imported")
    );
    let request = move_resource_state::Request {
        target_type_name: known_type.clone(),
        ..Default::default()
    };
    assert_eq!(
        client
            .move_resource_state(request)
            .await
            .expect("an answer")
            .into_inner()
            .diagnostics
            .len(),
        1
    );
    for raw_state in [
        None,
        Some(RawState {
            json: b"{".to_vec(),
            ..Default::default()
        }),
        Some(RawState {
            json: br#"{"foreign":1}"#.to_vec(),
            ..Default::default()
        }),
        Some(RawState {
            flatmap: [("id".to_owned(), "x".to_owned())].into(),
            ..Default::default()
        }),
    ] {
        let request = upgrade_resource_state::Request {
            type_name: known_type.clone(),
            version: 0,
            raw_state,
        };
        let response = client
            .upgrade_resource_state(request)
            .await
            .expect("an answer")
            .into_inner();
        assert_eq!(response.diagnostics.len(), 1);
    }
    let request = call_function::Request {
        name: "absent".to_owned(),
        arguments: Vec::new(),
    };
    assert!(
        client
            .call_function(request)
            .await
            .expect("an answer")
            .into_inner()
            .error
            .is_some()
    );
}

#[tokio::test]
async fn old_state_is_upgraded_and_newer_state_refused() {
    let plugin = Plugin::start(None);
    let mut client = configured(&plugin).await;
    let fact = Type::object([("input", Type::String), ("digest", Type::String)]);
    for (version, json, expected) in [
        (0, r#"{"text":"a","digest":"61"}"#, Some("a")),
        (1, r#"{"input":"b","digest":"62"}"#, Some("b")),
        (2, r#"{"input":"b","digest":"62"}"#, None),
    ] {
        let request = upgrade_resource_state::Request {
            type_name: "probe_fact".to_owned(),
            version,
            raw_state: Some(RawState {
                json: json.as_bytes().to_vec(),
                ..Default::default()
            }),
        };
        let response = client
            .upgrade_resource_state(request)
            .await
            .expect("an answer")
            .into_inner();
        let upgraded = response
            .upgraded_state
            .map(|state| Value::from_msgpack(&fact, &state.msgpack).expect("fits"));
        assert_eq!(
            upgraded
                .as_ref()
                .and_then(|state| state.get("input").as_str()),
            expected,
            "version {version}"
        );
        assert_eq!(response.diagnostics.is_empty(), expected.is_some());
    }
}
