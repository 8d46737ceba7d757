@echo off
rem Install emgnb from this folder, without internet and admin rights, and open the notebooks.
rem EMGNB_HOME names another folder than emgnb in your own; arguments are passed to emgnb lab.
setlocal disabledelayedexpansion

set "KIT=%~dp0"
if not defined EMGNB_HOME set "EMGNB_HOME=%USERPROFILE%\emgnb"
set "ENVIRONMENT=%EMGNB_HOME%\environment"
set /p VERSIONS=<"%KIT%pythons.txt"

fc /b "%KIT%version.txt" "%ENVIRONMENT%\version.txt" >nul 2>nul
if not errorlevel 1 goto open

set "PYTHON="
for %%v in (%VERSIONS%) do call :try %%v
if not defined PYTHON goto nopython
if not exist "%ENVIRONMENT%" goto install
if not exist "%ENVIRONMENT%\pyvenv.cfg" goto foreign

:install
echo Installing emgnb in "%EMGNB_HOME%". This takes a few minutes, and only the first time.
if not exist "%EMGNB_HOME%" mkdir "%EMGNB_HOME%"
%PYTHON% -m venv --clear --without-pip "%ENVIRONMENT%"
if errorlevel 1 goto failed
rem pip comes from the kit.
for %%w in ("%KIT%wheels\pip-*.whl") do set "PYTHONPATH=%%~fw"
"%ENVIRONMENT%\Scripts\python.exe" -P -m pip --isolated install --no-index --find-links "%KIT%wheels" --no-cache-dir --disable-pip-version-check --no-compile --quiet --requirement "%KIT%requirements.txt"
if errorlevel 1 goto failed
copy /y "%KIT%version.txt" "%ENVIRONMENT%\version.txt" >nul
if errorlevel 1 goto failed

:open
set "PYTHONPATH="
if not exist "%EMGNB_HOME%\notebooks" mkdir "%EMGNB_HOME%\notebooks"
"%ENVIRONMENT%\Scripts\python.exe" -P -m emgnb lab "%EMGNB_HOME%\notebooks" %*
if errorlevel 1 goto end
exit /b 0

:try
rem The launcher py of python.org knows all versions; Python of the Microsoft Store is python.
if defined PYTHON exit /b 0
call :check %1 py -%1
call :check %1 python
exit /b 0

:check
if defined PYTHON exit /b 0
%2 %3 -c "import sys; sys.exit(not (sys.version.startswith('%1.') and sys.maxsize > 2**32))" >nul 2>nul
if not errorlevel 1 set "PYTHON=%2 %3"
exit /b 0

:nopython
echo This kit needs Python %VERSIONS% (64 bits), and none was found.
echo Install one of them from python.org, perhaps in the folder python of this kit: choose
echo "Install Now" without "Use admin privileges", then start this script again.
echo For another version, a kit is made with: emgnb kit FOLDER --for windows --python 3.13
goto end

:foreign
echo "%ENVIRONMENT%" exists and was not made by this script.
echo Choose another folder: set EMGNB_HOME=C:\other, then start.bat
goto end

:failed
echo The installation failed: the lines above say why. It needs 1.2 GB in "%EMGNB_HOME%".
echo When the reason is removed, start this script again.

:end
pause
exit /b 1
