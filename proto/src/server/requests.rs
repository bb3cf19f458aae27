//! The service itself: every request of the protocol and its answer on the wire.
//!
//! Each method takes a request apart, has [`Server::run`] do the work, and says what
//! to answer when the work panics. What the work is stands in [`super`].

use tonic::{Request, Response, Status};

use super::{Answer, Server, decode, salvage::Salvage};
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    provider::Provider,
    wire::tfplugin6::{self as wire, provider_server},
};

fn capabilities() -> Option<wire::ServerCapabilities> {
    Some(wire::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: false,
    })
}

fn said(result: Answer<()>) -> Vec<wire::Diagnostic> {
    result.err().unwrap_or_default().to_wire()
}

#[tonic::async_trait]
impl<P: Provider> provider_server::Provider for Server<P> {
    async fn get_metadata(
        &self,
        _: Request<wire::get_metadata::Request>,
    ) -> Result<Response<wire::get_metadata::Response>, Status> {
        use wire::get_metadata::{DataSourceMetadata, FunctionMetadata, ResourceMetadata};
        let inner = &self.0;
        Ok(Response::new(wire::get_metadata::Response {
            server_capabilities: capabilities(),
            diagnostics: Vec::new(),
            resources: inner
                .resources
                .keys()
                .map(|name| ResourceMetadata {
                    type_name: (*name).to_owned(),
                })
                .collect(),
            data_sources: inner
                .data_sources
                .keys()
                .map(|name| DataSourceMetadata {
                    type_name: (*name).to_owned(),
                })
                .collect(),
            functions: inner
                .functions
                .keys()
                .map(|name| FunctionMetadata {
                    name: (*name).to_owned(),
                })
                .collect(),
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Result<Response<wire::get_provider_schema::Response>, Status> {
        let inner = &self.0;
        Ok(Response::new(wire::get_provider_schema::Response {
            provider: Some(inner.schema.to_wire()),
            resource_schemas: inner
                .resources
                .iter()
                .map(|(name, resource)| ((*name).to_owned(), resource.schema.to_wire()))
                .collect(),
            data_source_schemas: inner
                .data_sources
                .iter()
                .map(|(name, source)| ((*name).to_owned(), source.schema.to_wire()))
                .collect(),
            functions: inner.functions(),
            diagnostics: Vec::new(),
            provider_meta: None,
            server_capabilities: capabilities(),
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Result<Response<wire::get_resource_identity_schemas::Response>, Status> {
        Ok(Response::new(
            wire::get_resource_identity_schemas::Response::default(),
        ))
    }

    async fn get_functions(
        &self,
        _: Request<wire::get_functions::Request>,
    ) -> Result<Response<wire::get_functions::Response>, Status> {
        let functions = self.0.functions();
        Ok(Response::new(wire::get_functions::Response {
            functions,
            diagnostics: Vec::new(),
        }))
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Result<Response<wire::validate_provider_config::Response>, Status> {
        use wire::validate_provider_config::Response;
        let request = request.into_inner();
        self.run(
            move |inner| Response {
                diagnostics: decode(&inner.schema.ty(), request.config.as_ref())
                    .map_or_else(|error| error, |config| inner.provider.validate(&config))
                    .to_wire(),
            },
            |panic| Response {
                diagnostics: panic.to_wire(),
            },
        )
        .await
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Result<Response<wire::validate_resource_config::Response>, Status> {
        use wire::validate_resource_config::Response;
        let request = request.into_inner();
        self.run(
            move |inner| {
                let validate = || {
                    let resource = inner.resource(&request.type_name)?;
                    let config = resource.decode(request.config.as_ref())?;
                    Ok(resource.it.validate(&config))
                };
                Response {
                    diagnostics: validate()
                        .unwrap_or_else(|error: Diagnostics| error)
                        .to_wire(),
                }
            },
            |panic| Response {
                diagnostics: panic.to_wire(),
            },
        )
        .await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Result<Response<wire::validate_data_resource_config::Response>, Status> {
        use wire::validate_data_resource_config::Response;
        let request = request.into_inner();
        self.run(
            move |inner| {
                let validate = || {
                    let source = inner.data_source(&request.type_name)?;
                    let config = source.decode(request.config.as_ref())?;
                    Ok(source.it.validate(&config))
                };
                Response {
                    diagnostics: validate()
                        .unwrap_or_else(|error: Diagnostics| error)
                        .to_wire(),
                }
            },
            |panic| Response {
                diagnostics: panic.to_wire(),
            },
        )
        .await
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Result<Response<wire::configure_provider::Response>, Status> {
        use wire::configure_provider::Response;
        let request = request.into_inner();
        self.run(
            move |inner| Response {
                diagnostics: said(inner.configure(request.config.as_ref())),
            },
            |panic| Response {
                diagnostics: panic.to_wire(),
            },
        )
        .await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Result<Response<wire::upgrade_resource_state::Response>, Status> {
        use wire::upgrade_resource_state::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response {
            upgraded_state: None,
            diagnostics: diagnostics.to_wire(),
        };
        self.run(
            move |inner| match inner.upgrade(&request) {
                Ok(upgraded_state) => Response {
                    upgraded_state,
                    diagnostics: Vec::new(),
                },
                Err(diagnostics) => failed(diagnostics),
            },
            failed,
        )
        .await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Result<Response<wire::read_resource::Response>, Status> {
        use wire::read_resource::Response;
        let request = request.into_inner();
        // Null would say that the object is gone: on any fault the state stays as it was.
        let (state, private) = (request.current_state.clone(), request.private.clone());
        let failed = move |diagnostics: Diagnostics| Response {
            new_state: state,
            private,
            diagnostics: diagnostics.to_wire(),
            ..Default::default()
        };
        self.run(
            {
                let failed = failed.clone();
                move |inner| match inner.read(&request) {
                    Ok(new_state) => Response {
                        new_state,
                        private: request.private,
                        ..Default::default()
                    },
                    Err(diagnostics) => failed(diagnostics),
                }
            },
            failed,
        )
        .await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Result<Response<wire::plan_resource_change::Response>, Status> {
        use wire::plan_resource_change::Response;
        let request = request.into_inner();
        let (state, private) = (request.prior_state.clone(), request.prior_private.clone());
        let failed = move |diagnostics: Diagnostics| Response {
            planned_state: state,
            planned_private: private,
            diagnostics: diagnostics.to_wire(),
            ..Default::default()
        };
        self.run(
            {
                let failed = failed.clone();
                move |inner| inner.plan(&request).unwrap_or_else(failed)
            },
            failed,
        )
        .await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Result<Response<wire::apply_resource_change::Response>, Status> {
        use wire::apply_resource_change::Response;
        let request = request.into_inner();
        let salvage = Salvage::of(&request);
        let private = request.planned_private.clone();
        let server = self.clone();
        self.run(
            move |inner| {
                let (new_state, diagnostics) = inner.apply(&request);
                Response {
                    new_state,
                    private: request.planned_private,
                    diagnostics: diagnostics.to_wire(),
                    ..Default::default()
                }
            },
            move |panic| Response {
                new_state: salvage.state(&server.0),
                private,
                diagnostics: panic.to_wire(),
                ..Default::default()
            },
        )
        .await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Result<Response<wire::import_resource_state::Response>, Status> {
        use wire::import_resource_state::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response {
            imported_resources: Vec::new(),
            diagnostics: diagnostics.to_wire(),
        };
        self.run(
            move |inner| match inner.import(&request) {
                Ok(imported) => Response {
                    imported_resources: vec![imported],
                    diagnostics: Vec::new(),
                },
                Err(diagnostics) => failed(diagnostics),
            },
            failed,
        )
        .await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Result<Response<wire::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let diagnostic = Diagnostic::error(
            format!(
                "a `{}` cannot become a `{}`",
                request.source_type_name, request.target_type_name
            ),
            "This provider takes over no state of other resource types. Remove the `moved` block; import the \
             object instead, and remove the old one with a `removed` block.",
        );
        Ok(Response::new(wire::move_resource_state::Response {
            diagnostics: Diagnostics::from(diagnostic).to_wire(),
            ..Default::default()
        }))
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Result<Response<wire::read_data_source::Response>, Status> {
        use wire::read_data_source::Response;
        let request = request.into_inner();
        let failed = |diagnostics: Diagnostics| Response {
            state: None,
            diagnostics: diagnostics.to_wire(),
        };
        self.run(
            move |inner| match inner.read_data(&request) {
                Ok(state) => Response {
                    state,
                    diagnostics: Vec::new(),
                },
                Err(diagnostics) => failed(diagnostics),
            },
            failed,
        )
        .await
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Result<Response<wire::call_function::Response>, Status> {
        use wire::call_function::Response;
        let request = request.into_inner();
        self.run(
            move |inner| match inner.call(&request) {
                Ok(result) => Response {
                    result,
                    error: None,
                },
                Err(error) => Response {
                    result: None,
                    error: Some(error.to_wire()),
                },
            },
            |panic| {
                let text = panic
                    .iter()
                    .map(|diagnostic| diagnostic.detail.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                Response {
                    result: None,
                    error: Some(wire::FunctionError {
                        text,
                        function_argument: None,
                    }),
                }
            },
        )
        .await
    }

    async fn stop_provider(
        &self,
        _: Request<wire::stop_provider::Request>,
    ) -> Result<Response<wire::stop_provider::Response>, Status> {
        self.run(
            |inner| {
                inner.provider.stop();
                wire::stop_provider::Response::default()
            },
            |_| wire::stop_provider::Response {
                error: "the provider panicked while stopping".to_owned(),
            },
        )
        .await
    }
}
