//! Authority is what is signed and in force, whatever the change itself, the state or the mode say.

use crate::{begun, larger_server, running};
use serde_json::Value;
use std::fs;

#[test]
fn declarations_of_the_same_plan_do_not_count() {
    let world = running();
    let mallory = world.key("mallory");
    fs::copy(
        mallory.with_extension("key.pub"),
        world.estate("keys/mallory.pub"),
    )
    .expect("copied");
    world.append(
        "authority.tf",
        r#"
resource "ambit_person" "mallory" {
  name = "mallory"
  keys = [{ key = trimspace(file("${path.module}/keys/mallory.pub")) }]
}
"#,
    );
    world.edit(
        "authority.tf",
        "members = [ambit_person.wes.name]",
        "members = [ambit_person.wes.name, ambit_person.mallory.name]",
    );
    world.edit("main.tf", "a = \"small\"", "a = \"large\"");
    let id = world
        .plan_as("builder")
        .ends(0)
        .says("ambit_person.mallory added")
        .says("ambit_team.web changed: members")
        .says("root")
        .request();
    let (output, file) = world.decide("mallory", "approve", &id, &mallory);
    output.ends(4).says("is not declared for any person");
    assert!(!file.exists());
    world.agree("wes", &id);
    let before = world.cloud();
    world.apply(&id).ends(3).says("root: 1 person of founder");
    assert_eq!(before, world.cloud());
    assert_eq!(world.records("authority"), 2);
}

#[test]
fn an_ownership_row_deleted_from_the_state_drops_no_duty() {
    let world = running();
    world.change_json(&world.state(), |state| {
        let rows = state["resources"].as_array_mut().expect("resources");
        let before = rows.len();
        rows.retain(|r| !(r["type"] == "ambit_ownership" && r["name"] == "orders"));
        assert_eq!(rows.len(), before - 1);
    });
    world.edit("locals.tf", "product = \"shop\"", "product = \"store\"");
    let id = world.plan_as("builder").ends(0).says("team data").request();
    world
        .apply(&id)
        .ends(3)
        .says("team data: 1 person of dana")
        .says("team web: 1 person of wes");
}

#[test]
fn observe_lets_through_and_says_whom_it_would_have_asked_but_no_unsigned_authority() {
    let world = begun();
    let declarations = world.estate("authority.tf");
    let aside = world.path("authority.tf");
    fs::rename(&declarations, &aside).expect("moved");
    let id = world.plan_as("builder").ends(0).says("observes").request();
    world
        .apply(&id)
        .ends(0)
        .says("would have needed  root: 1 person of founder")
        .says("outcome verified");
    assert_eq!(world.records("authority"), 1);

    fs::rename(&aside, &declarations).expect("moved back");
    let id = world.plan_as("founder").ends(0).request();
    world.apply(&id).ends(3).says("root: 1 person of founder");
    assert_eq!(world.records("authority"), 1);
}

#[test]
fn a_state_edited_in_place_under_the_same_serial_is_noticed() {
    let world = running();
    let id = larger_server(&world);
    world.agree("wes", &id);
    let mut serials = [Value::Null, Value::Null];
    world.change_json(&world.state(), |state| {
        serials[0] = state["serial"].clone();
        let server = state["resources"]
            .as_array_mut()
            .expect("resources")
            .iter_mut()
            .find(|r| r["type"] == "mockcloud_bucket")
            .expect("the bucket");
        server["instances"][0]["attributes"]["public"] = true.into();
        serials[1] = state["serial"].clone();
    });
    assert_eq!(serials[0], serials[1]);
    let before = world.cloud();
    world.apply(&id).ends(6).says("edited in place");
    assert_eq!(before, world.cloud());
}

#[test]
fn another_account_behind_the_same_changes_is_noticed() {
    let world = running();
    world.append(
        "providers.tf",
        "provider \"mockcloud\" {\n  alias    = \"other\"\n  endpoint = var.cloud\n  region   = var.region\n  account  = \"999999999999\"\n}\n",
    );
    world.append(
        "main.tf",
        "resource \"mockcloud_bucket\" \"extra\" {\n  provider = mockcloud\n  name     = \"acme-extra\"\n  public   = false\n}\n",
    );
    let id = world.plan_as("builder").ends(0).request();
    world.agree("founder", &id);
    world.status(&id).ends(0);
    world.edit(
        "main.tf",
        "provider = mockcloud\n",
        "provider = mockcloud.other\n",
    );
    let before = world.cloud();
    world.apply(&id).ends(5).says("mockcloud_bucket.extra");
    assert_eq!(before, world.cloud());
    world.edit(
        "main.tf",
        "provider = mockcloud.other\n",
        "provider = mockcloud\n",
    );
    // The same configuration name, another account behind it.
    world.edit(
        "variables.tf",
        "default     = \"north-1\"",
        "default     = \"south-1\"",
    );
    world.apply(&id).ends(5);
    assert_eq!(before, world.cloud());
    world.edit(
        "variables.tf",
        "default     = \"south-1\"",
        "default     = \"north-1\"",
    );
    world.apply(&id).ends(0);
}

#[test]
fn an_object_handed_to_another_provider_is_an_effect_of_its_own() {
    let world = running();
    world.append(
        "providers.tf",
        "provider \"mockcloud\" {\n  alias    = \"other\"\n  endpoint = var.cloud\n  region   = var.region\n}\n",
    );
    world
        .plan_as("builder")
        .ends(0)
        .says("nobody has to agree to anything");
    world.edit(
        "main.tf",
        "resource \"mockcloud_bucket\" \"receipts\" {",
        "resource \"mockcloud_bucket\" \"receipts\" {\n  provider = mockcloud.other",
    );
    // The engine sees nothing to do: same object, same values.
    let asked = world
        .plan_as("builder")
        .ends(0)
        .says("mockcloud_bucket.receipts - change provider binding");
    let id = asked.request();
    world.apply(&id).ends(3).says("root: 1 person of founder");
}
