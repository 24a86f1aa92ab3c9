using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Catalog;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
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
internal sealed partial class CatalogJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static CatalogJson Wire { get; } = new(JsonDefaults.Create(
        new OptionalConverter<CapabilityLayer?>(),
        new OptionalConverter<ModelPrice?>()));
}
