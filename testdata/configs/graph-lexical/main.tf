# Where a careless reader of the language would see a reference that is not there, or miss one that is.

resource "terraform_data" "t00" {}

resource "terraform_data" "reads_t00" {
  input = "$$${terraform_data.t00.id}"
}

resource "terraform_data" "t01" {}

resource "terraform_data" "reads_t01" {
  input = "$$$${terraform_data.t01.id}"
}

resource "terraform_data" "t02" {}

resource "terraform_data" "reads_t02" {
  input = "$$$$${terraform_data.t02.id}"
}

resource "terraform_data" "t03" {}

resource "terraform_data" "reads_t03" {
  input = "$%{ if terraform_data.t03.id == "" }x%{ endif }"
}

resource "terraform_data" "t04" {}

resource "terraform_data" "reads_t04" {
  input = "%${terraform_data.t04.id}"
}

resource "terraform_data" "t05" {}

resource "terraform_data" "reads_t05" {
  input = "\\${terraform_data.t05.id}"
}

resource "terraform_data" "t06" {}

resource "terraform_data" "reads_t06" {
  input = "\"${terraform_data.t06.id}\""
}

resource "terraform_data" "t07" {}

resource "terraform_data" "reads_t07" {
  input = "${"${terraform_data.t07.id}"}"
}

resource "terraform_data" "t08" {}

resource "terraform_data" "reads_t08" {
  input = "a # ${terraform_data.t08.id}"
}

resource "terraform_data" "t09" {}

resource "terraform_data" "reads_t09" {
  input = "/* ${terraform_data.t09.id} */"
}

resource "terraform_data" "t10" {}

resource "terraform_data" "reads_t10" {
  input = "${terraform_data.t10.id /* } */ }"
}

resource "terraform_data" "t11" {}

resource "terraform_data" "reads_t11" {
  input = "${ terraform_data
 . t11 . id }"
}

resource "terraform_data" "t12" {}

resource "terraform_data" "reads_t12" {
  input = (terraform_data
.t12
.id)
}

resource "terraform_data" "t13" {}

resource "terraform_data" "reads_t13" {
  input = [terraform_data.t13.id, # ]
]
}

resource "terraform_data" "t14" {}

resource "terraform_data" "reads_t14" {
  input = { a = "}", b = terraform_data.t14.id }
}

resource "terraform_data" "t15" {}

resource "terraform_data" "reads_t15" {
  input = "${{ a = terraform_data.t15.id }.a}"
}

resource "terraform_data" "t16" {}

resource "terraform_data" "reads_t16" {
  input = <<EOT
${terraform_data.t16.id}
  EOT
}

resource "terraform_data" "t17" {}

resource "terraform_data" "reads_t17" {
  input = <<EOT
EOTX
 EOT2
${terraform_data.t17.id}
EOT
}

resource "terraform_data" "t18" {}

resource "terraform_data" "reads_t18" {
  input = <<-EOT
  x EOT
  ${terraform_data.t18.id}
  EOT
}

resource "terraform_data" "t19" {}

resource "terraform_data" "reads_t19" {
  input = <<EOT
$${terraform_data.t19.id}
EOT
}

resource "terraform_data" "t20" {}

resource "terraform_data" "reads_t20" {
  input = <<EOT
$$${terraform_data.t20.id}
EOT
}

resource "terraform_data" "t21" {}

resource "terraform_data" "reads_t21" {
  input = <<EOT
\${terraform_data.t21.id}
EOT
}

resource "terraform_data" "t22" {}

resource "terraform_data" "reads_t22" {
  input = <<EOT
"${terraform_data.t22.id}
EOT
}

resource "terraform_data" "t23" {}

resource "terraform_data" "reads_t23" {
  input = <<EOT
${<<IN
${terraform_data.t23.id}
IN
}
EOT
}

resource "terraform_data" "t24" {}

resource "terraform_data" "reads_t24" {
  input = <<EOT
${"EOT\n"}${terraform_data.t24.id}
EOT
}

resource "terraform_data" "t25" {}

resource "terraform_data" "reads_t25" {
  input = length(terraform_data.t25[*].id) - 1
}

resource "terraform_data" "t26" {}

resource "terraform_data" "reads_t26" {
  input = terraform_data.t26.id==""?1:2
}

resource "terraform_data" "t27" {}

resource "terraform_data" "reads_t27" {
  input = 1-length(terraform_data.t27.id)
}

resource "terraform_data" "t28" {}

resource "terraform_data" "reads_t28" {
  input = !(terraform_data.t28.id==""||false)
}

resource "terraform_data" "t29" {}

resource "terraform_data" "reads_t29" {
  input = [for x in [1] :terraform_data.t29.id]
}

resource "terraform_data" "t30" {}

resource "terraform_data" "reads_t30" {
  input = [for x in [1]: x if terraform_data.t30.id!=""]
}

resource "terraform_data" "t31" {}

resource "terraform_data" "reads_t31" {
  input = {for x in [1]: x=>terraform_data.t31.id...}
}

resource "terraform_data" "t32" {}

resource "terraform_data" "reads_t32" {
  input = [ for	x in [1] : terraform_data.t32.id ]
}

resource "terraform_data" "t33" {}

resource "terraform_data" "reads_t33" {
  input = "%{for x in [terraform_data.t33.id]}${x}%{endfor}"
}

resource "terraform_data" "t34" {}

resource "terraform_data" "reads_t34" {
  input = "%{~for x in [1]~}${terraform_data.t34.id}%{~endfor~}"
}

resource "terraform_data" "t35" {}

resource "terraform_data" "reads_t35" {
  input = "%{if true}%{else}${terraform_data.t35.id}%{endif}"
}

resource "terraform_data" "t36" {}

resource "terraform_data" "reads_t36" {
  input = { (terraform_data.t36.id) : 1 }
}

resource "terraform_data" "t37" {}

resource "terraform_data" "reads_t37" {
  input = { "${terraform_data.t37.id}" : 1 }
}

resource "terraform_data" "t38" {}

resource "terraform_data" "reads_t38" {
  input = { terraform_data = 1, b = terraform_data.t38.id }
}

resource "terraform_data" "t39" {}

resource "terraform_data" "reads_t39" {
  input = "${terraform_data.t39.id}${""}"
}

resource "terraform_data" "t40" {}

resource "terraform_data" "reads_t40" {
  input = "\u0024{terraform_data.t40.id}"
}

resource "terraform_data" "t41" {}

resource "terraform_data" "reads_t41" {
  input = "\u0024${terraform_data.t41.id}"
}

resource "terraform_data" "t42" {}

resource "terraform_data" "reads_t42" {
  input = "é${terraform_data.t42.id}"
}

resource "terraform_data" "t43" {}

resource "terraform_data" "reads_t43" {
  input = true ? terraform_data.t43.id : null
}

resource "terraform_data" "t44" {}

resource "terraform_data" "reads_t44" {
  input = null == terraform_data.t44 ? 1 : 2
}

resource "terraform_data" "t45" {}

resource "terraform_data" "reads_t45" {
  input = templatestring(terraform_data.t45.id, {})
}

resource "terraform_data" "t46" {}

resource "terraform_data" "reads_t46" {
  input = terraform_data.t46.*.id
}

resource "terraform_data" "t47" {}

resource "terraform_data" "reads_t47" {
  input = "a ${terraform_data.t47.id}"
}

resource "terraform_data" "t48" {}

resource "terraform_data" "reads_t48" {
  input = <<-E
  ${terraform_data.t48.id}
  E
}

resource "terraform_data" "t49" {}

resource "terraform_data" "reads_t49" {
  input = 1 == 1 && terraform_data.t49.id == "" ? 1 : 2
}

resource "terraform_data" "t50" {}

resource "terraform_data" "reads_t50" {
  input = "${1 + (terraform_data.t50.id == "}" ? 1 : 2)}"
}
