using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Admin;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(AuditPage))]
[JsonSerializable(typeof(TraceCleanup))]
[JsonSerializable(typeof(TraceDetail))]
[JsonSerializable(typeof(TracePage))]
[JsonSerializable(typeof(SearchTestRequest))]
[JsonSerializable(typeof(SearchTestResponse))]
[JsonSerializable(typeof(BrandingResponse))]
[JsonSerializable(typeof(AppInfoResponse))]
[JsonSerializable(typeof(RotateRequest))]
[JsonSerializable(typeof(RotateResponse))]
[JsonSerializable(typeof(VariablesResponse))]
internal sealed partial class AdminJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static AdminJson Wire { get; } = new(JsonDefaults.Create());
}
