using System.ComponentModel;
using System.Diagnostics;

namespace AiChat.Commands;

/// <summary>A step of an installation that failed; the message is for the person at the console.</summary>
internal sealed class InstallException(string message) : Exception(message);

/// <summary>
/// Does what an installation needs, one step after the other, and says each as it would be typed. What is already as it should be is left
/// alone. A dry run says the same lines and changes nothing.
/// </summary>
/// <param name="isDry">Says only.</param>
/// <param name="say">Takes each line.</param>
internal sealed class InstallSteps(bool isDry, Action<string> say)
{
    /// <summary>The number of steps that were needed.</summary>
    public int Changes { get; private set; }

    public void Say(string line) => say(line);

    /// <summary>Runs a program and expects it to succeed.</summary>
    /// <exception cref="InstallException">It is missing or failed; its own words are in the message.</exception>
    public void Run(params string[] command)
    {
        Note(string.Join(' ', command.Select(Quoted)));
        if (!isDry && Try(command) is { Code: not 0 } failed)
        {
            throw new InstallException($"{command[0]} failed ({failed.Code}): {failed.Said}");
        }
    }

    /// <summary>Runs a program that only looks.</summary>
    /// <returns>Its exit code, -1 when it cannot be run, and what it said.</returns>
    public static (int Code, string Said) Try(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            var said = "";
            process.ErrorDataReceived += (_, line) => said += line.Data is null ? "" : line.Data + "\n";
            process.BeginErrorReadLine();
            said = process.StandardOutput.ReadToEnd() + said;
            process.WaitForExit();
            return (process.ExitCode, said.Trim());
        }
        catch (Win32Exception error)
        {
            return (-1, error.Message);
        }
    }

    /// <summary>A folder for root that everybody may read.</summary>
    public void Folder(string path)
    {
        if (!Directory.Exists(path))
        {
            Note($"mkdir -p {Quoted(path)}");
            Change(() => Directory.CreateDirectory(path));
        }
    }

    /// <summary>A text file, complete or not at all.</summary>
    public void Write(string path, string text, UnixFileMode mode)
    {
        if (File.Exists(path) && File.ReadAllText(path) == text && File.GetUnixFileMode(path) == mode)
        {
            say($"  {path} is as it should be");
            return;
        }

        Note($"write {Quoted(path)} with mode {Convert.ToString((int)mode, 8).PadLeft(4, '0')}:");
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            if (isDry)
            {
                say("    | " + line);
            }
        }

        Change(() =>
        {
            var temporary = path + ".new";
            File.Delete(temporary);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode };
            using (var writer = new StreamWriter(new FileStream(temporary, options)))
            {
                writer.Write(text);
            }

            File.SetUnixFileMode(temporary, mode); // whatever the umask
            File.Move(temporary, path, overwrite: true);
        });
    }

    public void Copy(string from, string to, UnixFileMode mode)
    {
        Note($"cp {Quoted(from)} {Quoted(to)}");
        Change(() =>
        {
            File.Copy(from, to, overwrite: true);
            File.SetUnixFileMode(to, mode);
        });
    }

    public void Move(string from, string to)
    {
        Note($"mv {Quoted(from)} {Quoted(to)}");
        Change(() => File.Move(from, to, overwrite: true));
    }

    public void Remove(string path)
    {
        if (File.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            Note($"rm {Quoted(path)}");
            Change(() => File.Delete(path));
        }
        else if (Directory.Exists(path))
        {
            Note($"rm -r {Quoted(path)}");
            Change(() => Directory.Delete(path, recursive: true));
        }
    }

    private void Note(string what)
    {
        Changes++;
        say("+ " + what);
    }

    private void Change(Action change)
    {
        if (isDry)
        {
            return;
        }

        try
        {
            change();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InstallException(error.Message);
        }
    }

    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,@%+".Contains(c))
            ? word
            : $"'{word.Replace("'", @"'\''")}'";
}
