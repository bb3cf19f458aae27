//! Whose decision counts, for what, and how often.

use crate::{larger_server, running, text};
use ambit_acceptance::{Engine, Envelope, World};

#[test]
fn no_change_needs_nobody() {
    let world = running();
    let before = world.records("request");
    world
        .plan_as("builder")
        .ends(0)
        .says("nobody has to agree to anything");
    assert_eq!(world.records("request"), before, "a request was recorded");
}

#[test]
fn an_approval_counts_for_its_own_request_and_text_only() {
    let world = running();
    let id = larger_server(&world);
    let other = world.plan_as("builder").ends(0).request();
    let yes = world.approve("wes", &id);
    let genuine = Envelope::read(&yes);

    // wes's own key under changed words: whatever the words, it is another decision.
    let mut nonce = genuine.payload.clone();
    let at = nonce.find("\"nonce\":\"").expect("a nonce") + 9;
    let digit = if &nonce[at..=at] == "0" { "1" } else { "0" };
    nonce.replace_range(at..=at, digit);
    let origin = format!("ambit-{}", "0".repeat(32));
    let changed = [
        (genuine.payload.replace(&id, &other), "another request"),
        (
            genuine.payload.replace(&world.origin, &origin),
            "another history",
        ),
        (nonce, "nonce or scope digest differ"),
        (
            genuine
                .payload
                .replace("\"approver\":\"wes\"", "\"approver\":\"dana\""),
            "the key belongs to wes",
        ),
        (
            genuine.payload.replace("large", "small"),
            "not the text of this request",
        ),
    ];
    let file = world.path("people/wes/changed.json");
    for (payload, why) in changed {
        assert_ne!(payload, genuine.payload, "nothing was changed for: {why}");
        Envelope::sign(payload, &world.key("wes")).write(&file);
        world.import(&file).ends(0);
        world.run("runner", &["status"]).ends(3).says(why);
    }
    world.status(&id).ends(3);
    world.import(&yes).ends(0);
    world.status(&id).ends(0).says("approved");
    world.status(&other).ends(3);
    world
        .apply(&other)
        .ends(3)
        .says("team web: 1 person of wes");
}

#[test]
fn an_anonymous_request_needs_one_more_and_two_keys_are_one_person() {
    let mut world = World::new(&Engine::any());
    let second = world.key_named("dana", "second");
    std::fs::copy(
        second.with_extension("key.pub"),
        world.estate("keys/second.pub"),
    )
    .expect("copied");
    let one = "[{ key = trimspace(file(\"${path.module}/keys/dana.pub\")) }]";
    let two = "[{ key = trimspace(file(\"${path.module}/keys/dana.pub\")) }, \
               { key = trimspace(file(\"${path.module}/keys/second.pub\")) }]";
    world.edit("authority.tf", one, two);
    world.init();
    world.bootstrap();

    world.edit("locals.tf", "product = \"shop\"", "product = \"store\"");
    let signed = world.plan_as("builder").ends(0);
    assert!(!signed.stdout.contains("in all: 3"), "{}", signed.stdout);
    let id = world
        .run("builder", &["plan"])
        .ends(0)
        .says("in all: 3")
        .request();
    for key in [world.key("dana"), second] {
        let (output, file) = world.decide("dana", "approve", &id, &key);
        output.ends(0);
        world.import(&file).ends(0);
    }
    world.status(&id).ends(3).says("team web");
    world.agree("wes", &id);
    world
        .status(&id)
        .ends(3)
        .says("1 person more, so that 3 persons agree in all");
    world.apply(&id).ends(3);
    // Nobody asked in his agent's name, so sam is in no requester set.
    world.agree("sam", &id);
    world.status(&id).ends(0);
}

#[test]
fn an_old_approval_does_not_outlive_a_reject_or_a_revocation() {
    let world = running();
    let id = larger_server(&world);
    let yes = world.agree("wes", &id);
    world.status(&id).ends(0);
    for verb in ["revoke", "approve"] {
        let (output, file) = world.decide("wes", verb, &id, &world.key("wes"));
        output.ends(0);
        world.import(&file).ends(0);
        world.status(&id).ends(3);
    }
    world.import(&yes).ends(0);
    world.apply(&id).ends(3);

    // The approval is signed first and arrives last.
    let id = world.plan_as("builder").ends(0).request();
    let yes = world.approve("wes", &id);
    let (output, no) = world.decide("wes", "reject", &id, &world.key("wes"));
    output.ends(0);
    world.import(&no).ends(0);
    world.status(&id).ends(4).says("rejected by wes");
    world.import(&yes).ends(0);
    world
        .status(&id)
        .ends(4)
        .says("not counted, because wes has decided since");
    world.import(&yes).ends(0);
    world.apply(&id).ends(4).says("rejected by wes");
    let again = world.plan_as("builder").ends(4).request();
    world
        .apply(&again)
        .ends(4)
        .says(&format!("wes rejected {id}"));
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let world = running();
    let id = larger_server(&world);
    let (export, _) = world.export(&id);
    world.trust("wes");
    let whole = std::fs::read_to_string(&export).expect("an export");
    let key = world.key("wes");
    for (from, to, code) in [
        ("\"stack\":\"estate\"", "\"stack\":\"estatf\"", 7),
        ("\"tier\":\"", "\"tier\":\"x", 64),
        ("large", "LARGE", 7),
        ("{", "{ ", 64),
    ] {
        assert!(whole.contains(from), "`{from}` is not in the export");
        let changed = world.path("people/wes/changed.json");
        std::fs::write(&changed, whole.replacen(from, to, 1)).expect("written");
        let out = world.path("people/wes/never.json");
        let arguments = [
            "approve",
            text(&changed),
            "--as",
            text(&key),
            "--out",
            text(&out),
        ];
        world.run("wes", &arguments).ends(code);
        assert!(!out.exists(), "{to}: a statement was written");
    }
    // A statement with one byte changed has no signature any more.
    let mut statement = Envelope::read(&world.approve("wes", &id));
    statement.payload = statement.payload.replacen("wes", "wet", 1);
    let file = world.path("people/wes/changed.json");
    statement.write(&file);
    world.import(&file).ends(7);
    world.status(&id).ends(3);
}

#[test]
fn an_approval_for_one_stack_and_environment_is_none_for_another() {
    let mut world = World::new(&Engine::any());
    // The same configuration once more, with a cloud, a state and an environment of its own.
    let twin = world.path("shop/twin");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([&world.estate("."), &twin])
        .status();
    assert!(copied.expect("cp starts").success());
    for name in ["authority.tf", "terraform.tfvars"] {
        std::fs::remove_file(twin.join(name)).expect("removed");
    }
    let cloud = format!("cloud = \"{}\"\n", world.path("twin.json").display());
    world.write("shop/twin/terraform.tfvars", &cloud);
    world.write(
        "shop/ambit.hcl",
        "stack \"estate\" {\n  dir = \"estate\"\n}\nstack \"twin\" {\n  dir = \"twin\"\n}\n",
    );
    world.append(
        "authority.tf",
        r#"
resource "ambit_environment" "staging" {
  name     = "staging"
  stacks   = ["local:twin/terraform.tfstate#default"]
  critical = false
  mode     = "enforce"
}
"#,
    );
    world.init();
    let key = world.key("founder");
    let key = text(&key);
    let id = world
        .run("founder", &["plan", "--stack", "estate", "--as", key])
        .ends(0)
        .request();
    world.agree("founder", &id);
    world
        .apply(&id)
        .ends(0)
        .says("authority record 1 is in force");

    let id = {
        world.edit("main.tf", "a = \"small\"", "a = \"large\"");
        let key = world.key("builder");
        let plan = ["plan", "--stack", "estate", "--as", text(&key)];
        world
            .run("builder", &plan)
            .ends(0)
            .says("environment production")
            .request()
    };
    let builder = world.key("builder");
    let other = world
        .run(
            "builder",
            &["plan", "--stack", "twin", "--as", text(&builder)],
        )
        .ends(0)
        .says("environment staging")
        .says("team web: 1 of wes")
        .request();
    world.agree("wes", &id);
    world.status(&id).ends(0);
    world
        .status(&other)
        .ends(3)
        .says("team web: 1 person of wes");
    // The very words with the other request's name in them, signed by wes.
    let genuine = Envelope::read(&world.path(&format!("people/wes/{id}.approve.json")));
    let file = world.path("people/wes/retargeted.json");
    Envelope::sign(genuine.payload.replace(&id, &other), &world.key("wes")).write(&file);
    world.import(&file).ends(0);
    world
        .apply(&other)
        .ends(3)
        .says("not counted")
        .says("team web: 1 person of wes");
    assert!(!world.path("twin.json").exists(), "something was applied");
    world.agree("wes", &other);
    world.status(&other).ends(3).never_says("team web");
}
