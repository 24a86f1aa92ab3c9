using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Backups;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(BackupListResponse))]
[JsonSerializable(typeof(BackupResponse))]
[JsonSerializable(typeof(CreateBackup))]
[JsonSerializable(typeof(FetchBackup))]
[JsonSerializable(typeof(RemoteTestResponse))]
internal sealed partial class BackupsJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static BackupsJson Wire { get; } = new(JsonDefaults.Create());
}
