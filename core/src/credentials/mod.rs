//! Call credentials: asked once per attempt, after the pick, when it is known whether the connection is secure.
use crate::{failure::Evidence, options::Secret};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use std::{future::Future, pin::Pin, sync::Arc};

/// What a token is asked for.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// `/pkg.Service/Method`.
    pub method: Arc<str>,
    /// `https://host[:port]/pkg.Service`, as JWT access tokens name it.
    pub audience: Arc<str>,
}

/// Why there is no token. Carries no text: a provider's words may hold the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderError {
    /// It refused, threw, or has only an expired token: CREDENTIALS_FAILED.
    Refused,
    /// It could not be reached: CREDENTIALS_UNAVAILABLE.
    Unavailable,
}

/// A future that a [`Provider`] returns.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Secret<String>, ProviderError>> + Send + 'a>>;

/// Gives the bearer token of a call.
pub trait Provider: Send + Sync {
    /// Names the provider in failures.
    fn name(&self) -> &str;

    /// The token for `authorization: Bearer …`. Bounded by the call's deadline, and dropped when that passes.
    fn token(&self, request: TokenRequest) -> TokenFuture<'_>;
}

/// Adds the token to an attempt's headers.
pub(crate) async fn apply(
    provider: &dyn Provider,
    request: TokenRequest,
    secure: bool,
    headers: &mut HeaderMap,
) -> Result<(), Evidence> {
    if !secure {
        return Err(Evidence::InsecureCredentials);
    }
    let provider_name = || provider.name().to_owned();
    let token = provider.token(request).await.map_err(|error| match error {
        ProviderError::Refused => Evidence::CredentialsRefused { provider: provider_name() },
        ProviderError::Unavailable => Evidence::CredentialsUnavailable { provider: provider_name() },
    })?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| Evidence::CredentialsRefused { provider: provider_name() })?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Result<&'static str, ProviderError>);

    impl Provider for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }

        fn token(&self, _: TokenRequest) -> TokenFuture<'_> {
            Box::pin(async { self.0.map(|t| Secret::new(t.to_owned())) })
        }
    }

    async fn headers(provider: Fixed, secure: bool) -> Result<HeaderMap, Evidence> {
        let request = TokenRequest { method: "/a/b".into(), audience: "https://x/a".into() };
        let mut headers = HeaderMap::new();
        apply(&provider, request, secure, &mut headers).await.map(|()| headers)
    }

    #[tokio::test]
    async fn a_token_never_leaves_on_a_plain_connection() {
        assert_eq!(headers(Fixed(Ok("t")), false).await, Err(Evidence::InsecureCredentials));
        let sent = headers(Fixed(Ok("t")), true).await.unwrap();
        assert_eq!(sent[AUTHORIZATION], "Bearer t");
        assert!(!format!("{sent:?}").contains("Bearer t"));
    }

    #[tokio::test]
    async fn a_provider_that_fails_is_named() {
        let provider = "fixed".to_owned();
        let refused = headers(Fixed(Err(ProviderError::Refused)), true).await;
        assert_eq!(refused, Err(Evidence::CredentialsRefused { provider: provider.clone() }));
        let broken = headers(Fixed(Ok("a\nb")), true).await;
        assert_eq!(broken, Err(Evidence::CredentialsRefused { provider: provider.clone() }));
        let down = headers(Fixed(Err(ProviderError::Unavailable)), true).await;
        assert_eq!(down, Err(Evidence::CredentialsUnavailable { provider }));
    }
}
