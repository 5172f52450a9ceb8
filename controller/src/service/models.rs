//! Models and predictions.

use sweep_proto::v1;
use sweep_proto::v1::model_service_server::ModelService;
use sweep_store::Promotion;
use tonic::{Request, Response, Status};
use tracing::info;
use uuid::Uuid;

use super::{convert, refuse};
use crate::app::App;

pub(crate) struct Models {
    app: App,
}

impl Models {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn promote_model(
        &self,
        request: Request<v1::PromoteModelRequest>,
    ) -> Result<Response<v1::PromoteModelResponse>, Status> {
        let asked = request.into_inner();
        let promotion = Promotion {
            id: Uuid::now_v7(),
            trial: convert::trial_name(&asked.trial)?,
            name: (!asked.name.is_empty()).then_some(asked.name),
            step: asked.step,
            replace: asked.replace,
        };
        let shown = self.app.promote(promotion).await.map_err(refuse::store)?;
        let model = &shown.model;
        info!(model.name = %model.name, "trial {} at step {} is model {}", model.trial(), model.step, model.name);
        Ok(Response::new(v1::PromoteModelResponse { model: Some(convert::model(shown)) }))
    }

    async fn list_models(
        &self,
        _request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let models = self.app.models().await.map_err(refuse::store)?;
        Ok(Response::new(v1::ListModelsResponse { models: models.into_iter().map(convert::model).collect() }))
    }

    async fn get_model(
        &self,
        request: Request<v1::GetModelRequest>,
    ) -> Result<Response<v1::GetModelResponse>, Status> {
        let shown = self.app.model(&request.into_inner().name).await.map_err(refuse::store)?;
        Ok(Response::new(v1::GetModelResponse { model: Some(convert::model(shown)) }))
    }

    async fn remove_model(
        &self,
        request: Request<v1::RemoveModelRequest>,
    ) -> Result<Response<v1::RemoveModelResponse>, Status> {
        let shown = self.app.remove_model(&request.into_inner().name).await.map_err(refuse::store)?;
        info!(model.name = %shown.model.name, "removed model {}", shown.model.name);
        Ok(Response::new(v1::RemoveModelResponse { model: Some(convert::model(shown)) }))
    }

    async fn predict(
        &self,
        request: Request<v1::PredictRequest>,
    ) -> Result<Response<v1::PredictResponse>, Status> {
        let v1::PredictRequest { image, model } = request.into_inner();
        let prediction =
            self.app.predict(image.into(), &model).await.map_err(|refusal| refuse::prediction(&refusal))?;
        // It was read as JSON before, so it is text.
        let prediction_json = String::from_utf8_lossy(&prediction).into_owned();
        Ok(Response::new(v1::PredictResponse { prediction_json }))
    }
}
