using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using AiChat.Endpoints.Accounts;
using AiChat.Endpoints.Admin;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Http;

/// <summary>Every type that crosses the wire of our own API. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(ApiKeyPage))]
[JsonSerializable(typeof(ChangePasswordRequest))]
[JsonSerializable(typeof(CreateApiKey))]
[JsonSerializable(typeof(CreatedApiKey))]
[JsonSerializable(typeof(CreatedUserResponse))]
[JsonSerializable(typeof(CreateUserRequest))]
[JsonSerializable(typeof(LoginPage))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(ManagedUserResponse))]
[JsonSerializable(typeof(MeResponse))]
[JsonSerializable(typeof(OneTimeCodeResponse))]
[JsonSerializable(typeof(QuotaRequest))]
[JsonSerializable(typeof(ReasonRequest))]
[JsonSerializable(typeof(RefreshResponse))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RoleRequest))]
[JsonSerializable(typeof(StatusRequest))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(UserEnvelope))]
[JsonSerializable(typeof(UserPage))]
[JsonSerializable(typeof(ActivateBranch))]
[JsonSerializable(typeof(ChangeSession))]
[JsonSerializable(typeof(CreateSession))]
[JsonSerializable(typeof(BulkChange))]
[JsonSerializable(typeof(BulkChanged))]
[JsonSerializable(typeof(AuditPage))]
[JsonSerializable(typeof(TraceCleanup))]
[JsonSerializable(typeof(TraceDetail))]
[JsonSerializable(typeof(TracePage))]
[JsonSerializable(typeof(DeleteAccountRequest))]
[JsonSerializable(typeof(OwnDraft))]
[JsonSerializable(typeof(OwnImage))]
[JsonSerializable(typeof(DraftForm))]
[JsonSerializable(typeof(DraftResponse))]
[JsonSerializable(typeof(ForkSession))]
[JsonSerializable(typeof(PromptForm))]
[JsonSerializable(typeof(PromptPage))]
[JsonSerializable(typeof(PromptResponse))]
[JsonSerializable(typeof(ShareForm))]
[JsonSerializable(typeof(ShareResponse))]
[JsonSerializable(typeof(SharedChat))]
[JsonSerializable(typeof(FoundMessages))]
[JsonSerializable(typeof(MessageResponse))]
[JsonSerializable(typeof(MessagePage))]
[JsonSerializable(typeof(SessionPage))]
[JsonSerializable(typeof(SessionResponse))]
[JsonSerializable(typeof(ChatAgainRequest))]
[JsonSerializable(typeof(ChatStopRequest))]
[JsonSerializable(typeof(ChatStreamRequest))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(DoneEvent))]
[JsonSerializable(typeof(IReadOnlyList<SearchResult>))]
[JsonSerializable(typeof(IReadOnlyList<StoredToolEvent>))]
[JsonSerializable(typeof(ToolCallResponse))]
[JsonSerializable(typeof(List<RunResponse>))]
[JsonSerializable(typeof(QuotaResponse))]
[JsonSerializable(typeof(ReasoningDoneEvent))]
[JsonSerializable(typeof(RetryEvent))]
[JsonSerializable(typeof(SessionParameters))]
[JsonSerializable(typeof(ReasoningRequest))]
[JsonSerializable(typeof(SearchTestRequest))]
[JsonSerializable(typeof(SearchTestResponse))]
[JsonSerializable(typeof(StartEvent))]
[JsonSerializable(typeof(TitleEvent))]
[JsonSerializable(typeof(SessionUsageResponse))]
[JsonSerializable(typeof(UsageResponse))]
[JsonSerializable(typeof(UsageSummary))]
[JsonSerializable(typeof(ConnectionForm))]
[JsonSerializable(typeof(ConnectionList))]
[JsonSerializable(typeof(VerifyResponse))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelOverrideForm))]
[JsonSerializable(typeof(CatalogRefreshResponse))]
[JsonSerializable(typeof(OverrideList))]
[JsonSerializable(typeof(DeleteOverrides))]
[JsonSerializable(typeof(DeletedResponse))]
[JsonSerializable(typeof(ImportOverrides))]
[JsonSerializable(typeof(ImportedResponse))]
[JsonSerializable(typeof(ImportPreview))]
[JsonSerializable(typeof(ModelOrder))]
[JsonSerializable(typeof(BrandingResponse))]
[JsonSerializable(typeof(AppInfoResponse))]
[JsonSerializable(typeof(AvatarResponse))]
[JsonSerializable(typeof(LogoResponse))]
[JsonSerializable(typeof(CreatedImageResponse))]
[JsonSerializable(typeof(ImageLinksResponse))]
[JsonSerializable(typeof(PersonalForm))]
[JsonSerializable(typeof(PersonalResponse))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonObject))]
[JsonSerializable(typeof(bool?))]
[JsonSerializable(typeof(decimal?))]
[JsonSerializable(typeof(int?))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="Configure"/>.</summary>
    public static ApiJson Wire { get; } = new(Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web)));

    /// <summary>Camel case, string enums, no nulls out; no unknown, duplicate or wrongly typed members in.</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNameCaseInsensitive = false;
        options.AllowDuplicateProperties = false;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.MaxDepth = 16;
        options.Converters.Add(new TimestampConverter());
        options.Converters.Add(new OptionalConverter<string?>());
        options.Converters.Add(new OptionalConverter<long?>());
        options.Converters.Add(new OptionalConverter<SessionParameters?>());
        options.Converters.Add(new OptionalConverter<ReasoningRequest?>());
        options.Converters.Add(new OptionalConverter<decimal?>());
        options.Converters.Add(new OptionalConverter<bool?>());
        options.Converters.Add(new OptionalConverter<int?>());
        options.Converters.Add(new OptionalConverter<string[]?>());
        options.Converters.Add(new OptionalConverter<long[]?>());
        options.Converters.Add(new OptionalConverter<CapabilityLayer?>());
        options.Converters.Add(new OptionalConverter<ModelPrice?>());
        // Never inside HTML: always application/json with nosniff, so that Chinese goes out as it is.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        return options;
    }
}
