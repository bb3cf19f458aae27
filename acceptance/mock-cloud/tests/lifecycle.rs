//! The whole life of objects on a real engine: create, nothing to do, drift,
//! replacement, import, destroy.

mod engine;

use engine::{Workspace, change, object};
use serde_json::json;

const STACK: &str = r#"
variable "ports" {
  default = [80, 443]
}

resource "mockcloud_network" "main" {
  name = "main"
  cidr = "10.0.0.0/16"
  tags = { tier = "base" }
}

resource "mockcloud_database" "main" {
  name       = "main"
  engine     = "postgres"
  size       = 20
  network_id = mockcloud_network.main.id
  password   = "correct horse"
}

resource "mockcloud_instance" "web" {
  name             = "web"
  image            = "debian-13"
  size             = "small"
  network_id       = mockcloud_network.main.id
  database_address = mockcloud_database.main.address
  user_data        = "db=${mockcloud_database.main.address}"

  dynamic "port" {
    for_each = var.ports
    content {
      number = port.value
      cidr   = "0.0.0.0/0"
    }
  }
}

resource "mockcloud_dns_record" "web" {
  zone  = "example.test"
  name  = "web"
  value = mockcloud_instance.web.id
}

resource "mockcloud_bucket" "logs" {
  name = "logs"
}

resource "mockcloud_iam_role" "reader" {
  name   = "reader"
  policy = jsonencode({ read = [mockcloud_bucket.logs.arn] })
}

data "mockcloud_network" "found" {
  name       = "main"
  depends_on = [mockcloud_network.main]
}

output "found" {
  value = data.mockcloud_network.found.id
}
"#;

#[test]
fn a_stack_lives_and_dies() {
    let workspace = Workspace::new(STACK);

    let plan = workspace.plan_json();
    let database = change(&plan, "mockcloud_database.main");
    assert_eq!(database["actions"], json!(["create"]));
    assert_eq!(
        database["after"]["deletion_protection"], false,
        "the default shows in the plan"
    );
    assert_eq!(database["after_unknown"]["id"], true);
    assert_eq!(database["after_sensitive"]["password"], true);
    assert_eq!(
        change(&plan, "mockcloud_dns_record.web")["after"]["ttl"],
        300
    );

    workspace.apply().expect_success();
    let mut cloud = workspace.cloud();
    assert_eq!(cloud["objects"].as_array().map(Vec::len), Some(6));
    let web = object(&mut cloud, "web").clone();
    assert_eq!(
        web["attributes"]["user_data"],
        "db=db-0001.db.mockcloud.internal"
    );
    assert_eq!(
        web["attributes"]["port"],
        json!([{"number": 80, "cidr": "0.0.0.0/0"}, {"number": 443, "cidr": "0.0.0.0/0"}])
    );
    assert_eq!(
        (&web["region"], &web["account"]),
        (&json!("local-1"), &json!("123456789012"))
    );
    assert_eq!(
        workspace.state_json()["values"]["outputs"]["found"]["value"],
        "net-0001"
    );
    workspace.expect_no_changes();

    // Somebody turns a knob by hand, and somebody removes a bucket.
    workspace.change_cloud(|cloud| {
        object(cloud, "main");
        let objects = cloud["objects"].as_array_mut().expect("objects");
        objects.retain(|object| object["type"] != "mockcloud_bucket");
        for object in objects {
            if object["type"] == "mockcloud_database" {
                object["attributes"]["size"] = json!(500);
            }
        }
    });
    let plan = workspace.plan_json();
    let database = change(&plan, "mockcloud_database.main");
    assert_eq!(
        (&database["actions"], &database["before"]["size"]),
        (&json!(["update"]), &json!(500))
    );
    assert_eq!(
        database["after"]["id"], "db-0001",
        "what is stable stays known"
    );
    assert_eq!(
        change(&plan, "mockcloud_bucket.logs")["actions"],
        json!(["create"])
    );
    assert_eq!(
        change(&plan, "mockcloud_iam_role.reader")["after_unknown"]["policy"],
        true
    );
    workspace.apply().expect_success();
    workspace.expect_no_changes();
    let mut cloud = workspace.cloud();
    assert_eq!(object(&mut cloud, "logs")["id"], "bkt-0002");

    // Another image is another machine.
    workspace.rewrite(&STACK.replace("debian-13", "debian-14"));
    let plan = workspace.plan_json();
    let web = change(&plan, "mockcloud_instance.web");
    assert_eq!(web["actions"], json!(["delete", "create"]));
    assert_eq!(web["replace_paths"], json!([["image"]]));
    assert_eq!(
        change(&plan, "mockcloud_dns_record.web")["actions"],
        json!(["update"])
    );
    workspace.apply().expect_success();
    workspace.expect_no_changes();

    workspace
        .run(&["destroy", "-auto-approve", "-input=false"])
        .expect_success();
    assert_eq!(workspace.cloud()["objects"], json!([]));
}

#[test]
fn what_exists_is_imported() {
    let workspace = Workspace::new(
        r#"
resource "mockcloud_dns_record" "old" {
  zone  = "example.test"
  name  = "old"
  value = "192.0.2.1"
}

resource "mockcloud_instance" "old" {
  name       = "machine"
  image      = "debian-13"
  size       = "small"
  network_id = "net-0001"

  port {
    number = 22
    cidr   = "10.0.0.0/8"
  }
}
"#,
    );
    workspace.change_cloud(|cloud| {
        *cloud = json!({
            "counters": { "dns": 7, "i": 1 },
            "objects": [
                { "type": "mockcloud_dns_record", "id": "dns-0007",
                  "attributes": { "zone": "example.test", "name": "old", "value": "192.0.2.1", "ttl": 300, "arn": "arn:dns" } },
                { "type": "mockcloud_instance", "id": "i-0001",
                  "attributes": { "name": "machine", "image": "debian-13", "size": "small", "network_id": "net-0001",
                                  "port": [{ "number": 22, "cidr": "10.0.0.0/8" }], "arn": "arn:i" } },
            ],
        });
    });
    workspace
        .run(&[
            "import",
            "-input=false",
            "mockcloud_dns_record.old",
            "dns-0001",
        ])
        .expect_failure(&[
            "there is no `mockcloud_dns_record` with the id `dns-0001`",
            "Give an id such as `dns-0001`",
        ]);
    workspace
        .run(&[
            "import",
            "-input=false",
            "mockcloud_dns_record.old",
            "dns-0007",
        ])
        .expect_success();
    workspace
        .run(&["import", "-input=false", "mockcloud_instance.old", "i-0001"])
        .expect_success();
    workspace.expect_no_changes();
}

#[test]
fn a_failure_in_the_cloud_is_told_and_leaves_the_rest() {
    let workspace = Workspace::new(
        r#"
resource "mockcloud_bucket" "fine" {
  name = "fine"
}

resource "mockcloud_bucket" "broken" {
  name = "broken"
}
"#,
    );
    workspace.change_cloud(|cloud| cloud["fail"] = json!(["broken"]));
    workspace.apply().expect_failure(&[
        "the cloud was told to fail for `broken`",
        "mockcloud_bucket.broken",
    ]);
    let plan = workspace.plan_json();
    assert_eq!(
        change(&plan, "mockcloud_bucket.broken")["actions"],
        json!(["create"])
    );
    assert_eq!(
        change(&plan, "mockcloud_bucket.fine")["actions"],
        json!(["no-op"])
    );

    workspace.change_cloud(|cloud| cloud["fail"] = json!([]));
    workspace.apply().expect_success();
    workspace.change_cloud(|cloud| cloud["fail"] = json!(["fine"]));
    let destroyed = workspace.run(&["destroy", "-auto-approve", "-input=false"]);
    destroyed.expect_failure(&["the cloud was told to fail for `fine`"]);
    assert_eq!(
        workspace.cloud()["objects"].as_array().map(Vec::len),
        Some(1),
        "what was not removed is kept"
    );
}

#[test]
fn deletion_protection_protects() {
    let protected = r#"
resource "mockcloud_database" "main" {
  name                = "main"
  engine              = "postgres"
  size                = 1
  network_id          = "net-0001"
  deletion_protection = true
}
"#;
    let workspace = Workspace::new(protected);
    workspace.apply().expect_success();
    let destroy = ["destroy", "-auto-approve", "-input=false"];
    workspace
        .run(&destroy)
        .expect_failure(&["`db-0001` is protected from deletion"]);
    // Taking the line away returns to the default.
    workspace.rewrite(&protected.replace("deletion_protection = true", ""));
    workspace.apply().expect_success();
    workspace.run(&destroy).expect_success();
}

#[test]
fn faults_of_the_configuration_name_line_and_remedy() {
    let network = r#"
provider "mockcloud" {
  endpoint = "cloud.json"
}

resource "mockcloud_network" "main" {
  name = "main"
  cidr = "10.0.0.0"
}
"#;
    let workspace = Workspace::without_init(network);
    workspace.run(&["init"]).expect_success();
    workspace.run(&["validate"]).expect_failure(&[
        "the endpoint is not an absolute path",
        "endpoint = \"cloud.json\"",
        "/var/tmp/cloud.json",
    ]);
    workspace.write(&network.replace("\"cloud.json\"", "\"${path.cwd}/cloud.json\""));
    workspace
        .run(&["plan", "-input=false"])
        .expect_failure(&["the endpoint lies inside the working directory"]);
    workspace.write(&network.replace("cloud.json", "ENDPOINT"));
    workspace.run(&["validate"]).expect_failure(&[
        "not a range of addresses",
        "cidr = \"10.0.0.0\"",
        "Write one such as `10.0.0.0/16`",
    ]);
}
